/* What people set: one INI file, laid over the defaults, and over both the variables that W&B's own client reads. Every
 * value knows where it came from. README.md and the man page say what each is for. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

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

#define SETTINGS_KEYS_MAX 32u

struct settings_source { /* neither: the default */
	const char *variable;
	unsigned line; /* of the file */
};

struct settings {
	struct wandb_settings wandb;
	struct ranks_settings ranks;
	char *file;                                        /* NULL: there was none */
	struct settings_source sources[SETTINGS_KEYS_MAX]; /* ask settings_source */
};

struct settings_options {
	const char *
		file; /* NULL: $SAE_METRICSD_CONFIG, else the default place, where one may be missing */
	bool is_system;
};

/* Somebody is to be told: "sae-metricsd.conf:3: mode: expected online, offline or off". Values are never repeated: one
 * may be a secret in the wrong place. */
typedef void (*settings_problem_fn)(void *user, const char *words);

/* 0; -EINVAL after all that is wrong was told, one call each; or the errno of a file that cannot be read, told too. */
int settings_load(const struct settings_options *options, settings_problem_fn on_problem,
	void *user, struct settings *ret);
void settings_finish(struct settings *s);

#define SETTINGS_SOURCE_SIZE (PATH_MAX + 16)

/* Where a value came from: "/etc/sae-metricsd/sae-metricsd.conf:12", "WANDB_BASE_URL" or "default". Returns out; NULL
 * when there is no such key. */
const char *settings_source(const struct settings *s, const char *section, const char *name,
	char out[SETTINGS_SOURCE_SIZE]);
