/* What people set: files, laid over the presets, and over them variables and then flags. Every value knows where it came
 * from. README.md and sae-metricsd.conf(5) say what each is for. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"

enum wandb_mode {
	WANDB_MODE_ONLINE = 0, /* what trainers want forwarded is */
	WANDB_MODE_OFFLINE,    /* it is kept for a later `sync` */
	WANDB_MODE_OFF,        /* nothing is kept for W&B */
};

enum wandb_x_axis { WANDB_X_AXIS_STEP = 0, WANDB_X_AXIS_TOKENS };

struct wandb_settings {
	char *base_url;         /* https, or http where that was agreed to; no slash at its end */
	char *app_url;          /* NULL: follows from base_url */
	char *entity, *project; /* of runs that name none; NULL: W&B's own defaults */
	enum wandb_mode mode;
	bool extra_metrics; /* our own beside the profile's */
	enum wandb_x_axis x_axis;
	uint32_t transmit_interval_ms, heartbeat_interval_ms, request_timeout_ms;
	uint32_t requests_per_s;
	char *key_file;                 /* NULL: none named */
	char *proxy_http, *proxy_https; /* may hold a password; NULL: libcurl's own variables */
	char *ca_file, *ca_directory;   /* NULL: the system's */
	bool insecure_tls;              /* certificates are not checked */
	bool allow_insecure_http;       /* to other machines, too */
};

#define RANK_GRACE_MIN_MS 100u
#define RANK_GRACE_MAX_MS 86400000u /* a day: what a debugger holds up overnight is not given up */

struct ranks_settings {
	uint32_t grace_ms; /* a rank that is missing is waited for so long */
};

struct access_settings {
	char *socket_group;   /* NULL: the daemon's own */
	uint32_t socket_mode; /* 0600, 0660 or 0666 */
	char *admin_group;    /* may all that a run's own user may; NULL: none. It may not exist */
	bool trust_root;      /* uid 0 is an administrator */
	bool trust_nobody;    /* uid 65534, whom a user namespace hides, is let in */
	bool private_runs; /* runs are shown to their own user alone, also when they do not ask for that */
};

/* Of one user; 0 is "no limit" for database_bytes only. */
struct user_limits {
	uint32_t connections, runs, keys;
	uint64_t memory_bytes, queued_bytes, database_bytes;
};

struct limits_settings {
	struct user_limits user; /* of who has no section of his own: ask settings_user_limits */
	uint32_t host_connections;
	uint64_t host_memory_bytes;
};

#define RETENTION_FOREVER UINT64_MAX
#define RETENTION_NO_MAX  UINT64_MAX

struct retention_settings {
	uint64_t steps_s, windows_s, runs_s; /* RETENTION_FOREVER: kept */
	uint64_t max_db_bytes;               /* RETENTION_NO_MAX: none */
};

struct alerts_settings { /* numbers: 0 is off */
	double dead_share, l0_min, l0_max, explained_variance_min, throughput_share;
	bool front;
	unsigned stop; /* enum alerts_stop */
	char *exec;    /* NULL: none */
	uint32_t exec_timeout_ms;
};

enum alerts_stop { ALERTS_STOP_BAD_RUN, ALERTS_STOP_NONE };

struct disk_settings {
	uint64_t keep_free_bytes; /* with less free space nothing more is taken */
};

struct daemon_settings {
	enum log_level log_level;
	uint64_t idle_ms; /* ends by itself after so long without anybody; 0: never */
};

#define IDLE_SET_MIN_MS         1000u
#define BACKUP_SET_EVERY_MIN_MS 1000u
#define BACKUP_SET_KEEP_MAX     10000u

struct backup_settings {
	char *folder;      /* NULL: no copies are made */
	uint64_t every_ms; /* 0 likewise */
	uint32_t keep;
};

struct settings_source {  /* name NULL: the preset */
	const char *name; /* of a file, a variable or a flag */
	unsigned line;    /* of the file; else 0 */
};

/* Texts that are kept for as long as the settings are. */
struct settings_names {
	char **at;
	size_t n;
};

#define SETTINGS_KEYS_MAX      80u
#define SETTINGS_USER_KEYS_MAX 8u

#define SETTINGS_USERS_MAX                                                                         \
	1000u /* [user …] sections: more are a matter for a group's limits, and a slow search */
#define SETTINGS_USER_NAME_MAX 64u
#define SETTINGS_NO_UID        UINT32_MAX

/* A [user NAME] section, of one file or several. */
struct user_settings {
	char name[SETTINGS_USER_NAME_MAX + 1]; /* or a uid, as it was written */
	uint32_t uid;                          /* SETTINGS_NO_UID: there is no such user here */
	struct user_limits limits;             /* what has a source */
	struct settings_source sources[SETTINGS_USER_KEYS_MAX];
};

struct settings {
	struct wandb_settings wandb;
	struct ranks_settings ranks;
	struct access_settings access;
	struct limits_settings limits;
	struct retention_settings retention;
	struct alerts_settings alerts;
	struct disk_settings disk;
	struct backup_settings backup;
	struct daemon_settings daemon;
	struct user_settings *users;
	size_t n_users;
	bool is_system;                                    /* whose presets hold */
	struct settings_names names;                       /* other sources' */
	struct settings_names files;                       /* as they were read */
	struct settings_source sources[SETTINGS_KEYS_MAX]; /* ask settings_source */
};

/* What the command line says, over all else. */
struct settings_flag {
	const char *flag; /* for people: "--rank-grace". Borrowed for as long as the settings are */
	const char *key;  /* "ranks.grace"; NULL: it is in the text, "ranks.grace=30s" */
	const char *text;
};

struct settings_options { /* borrowed for the call */
	/* One file alone, which must be there; NULL: $SAE_METRICSD_CONFIG, likewise, else the places where files are. */
	const char *file;
	bool is_system;
	const struct settings_flag *flags;
	size_t n_flags;
	/* What should be known and is no reason not to start. NULL: nobody wants to. */
	void (*on_remark)(void *user, const char *words);
	/* A file was read, and is good or not. NULL: nobody wants to know. */
	void (*on_file)(void *user, const char *path, bool is_good);
};

/* Somebody is to be told: "sae-metricsd.conf:3: mode: expected online, offline or off". Values are never repeated: one
 * may be a secret in the wrong place. */
typedef void (*settings_problem_fn)(void *user, const char *words);

/* 0; -EINVAL after all that is wrong was told, one call each; or the errno of a file that cannot be read, told too. */
int settings_load(const struct settings_options *options, settings_problem_fn on_problem,
	void *user, struct settings *ret);
void settings_finish(struct settings *s);
/* Of the flags alone what is wrong is told. 0 or as settings_load. */
int settings_check_flags(
	const struct settings_options *options, settings_problem_fn on_problem, void *user);

/* What holds for this user: [limits], with what a [user …] section says of it laid over. */
void settings_user_limits(const struct settings *s, uint32_t uid, struct user_limits *ret);

/* A key has another value than before: `is_live`, and it counts from now on, or it waits for the next start. `source` is
 * where it is set. */
typedef void (*settings_change_fn)(void *user, const char *key, const char *source, bool is_live);

/* Lays what was loaded anew over what is gone by: values that can change do, the others stay as they are. `fresh` gets what
 * is not needed any more, to be finished. Texts that cannot change stay where they are. */
void settings_take(
	struct settings *s, struct settings *fresh, settings_change_fn on_change, void *user);

#define SETTINGS_SOURCE_SIZE (PATH_MAX + 16)

/* Where a value came from: "/etc/sae-metricsd/sae-metricsd.conf:12", "WANDB_BASE_URL" or "default". Returns out; NULL
 * when there is no such key. */
const char *settings_source(const struct settings *s, const char *section, const char *name,
	char out[SETTINGS_SOURCE_SIZE]);

/* A key and its value, as a file would have it. */
struct settings_row {         /* borrowed for the call */
	const char *name;     /* "wandb.mode", "user joe.runs" */
	const char *value;    /* NULL: not set. Of an address without its password */
	const char *source;   /* as settings_source */
	const char *preset;   /* NULL: none */
	const char *expected; /* what may be said: "a number from 1 to 1000" */
	const char *file;     /* NULL: it is of no file */
	unsigned line;
	bool is_live; /* SIGHUP changes it */
};
typedef void (*settings_row_fn)(void *user, const struct settings_row *row);
/* All keys, in the order of the manual, and then what single users have. */
void settings_each(const struct settings *s, settings_row_fn on_row, void *user);
