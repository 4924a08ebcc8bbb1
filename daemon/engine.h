/* The road, spelled out in one place: message → core → cut → commit → ack.
 *
 *   decide   a message is applied to the core            engine_peer_apply.c
 *   cut      what changed is copied between two messages and handed to the store
 *   ack      what was committed is acknowledged          engine_commit.c
 *   forward  what was committed goes on to W&B           engine_forward.c
 *   answer   snapshots, stops, queries                   engine_peer_answer.c, engine_query.c
 *   runs     loaded, watched, forgotten                  engine_run.c
 *
 * One engine a daemon, on the loop's thread. It sees sessions only through the
 * callbacks that daemon.c wires. */
#pragma once

#include "access.h"
#include "forward.h"
#include "retention.h"
#include "server.h"
#include "store.h"

/* Rows of one run that wait for their commit: above, nothing more is read for it. */
#define ENGINE_RUN_HOLD_BYTES (16u << 20)
/* The same for all runs. */
#define ENGINE_HOLD_BYTES (256u << 20)

struct engine;

struct engine_options {
	const char *database;
	const char *version;
	const char *socket; /* for status */
	const char *scope;  /* "system" or "user" */
	struct access_rules access;
	/* What a user is called; asked once of each. NULL: not known, or told later. */
	const char *(*user_name)(void *user, uint32_t uid);
	void *user_name_user;
	struct registry_options registry;           /* its ledger is the whole engine's */
	uint64_t host_bytes_per_s, run_bytes_per_s; /* what commits may write; 0: cadence.h */
	uint64_t run_hold_bytes, hold_bytes;        /* 0: as above */
	uint32_t processes_max;   /* that are watched, each with a descriptor; 0: no limit */
	uint64_t keep_free_bytes; /* as space.h has it */
	const struct retention *retention; /* NULL: everything is kept; copied */
	const struct forward_options
		*forward; /* NULL: nothing is forwarded; copied, its texts are borrowed */
};

/* Opens the database and loads the runs that had not ended. The options' strings are copied. 0, or -errno
 * and one sentence. */
int engine_open(uv_loop_t *loop, const struct engine_options *options, struct engine **ret,
	char ret_words[256]);
/* The server whose sessions it answers: wired before the first one comes. */
void engine_serve(struct engine *e, struct server *server);

struct engine_changes {
	uint32_t rank_grace_ms;
	uint32_t transmit_ms, heartbeat_ms, request_timeout_ms, requests_per_s; /* to W&B */
};
/* These hold from now on, for what is under way, too. */
void engine_reload(struct engine *e, const struct engine_changes *c);

enum engine_need {
	ENGINE_IDLE,     /* nobody is connected, and all is written */
	ENGINE_FORWARDS, /* the same, but W&B does not have all yet that it can be sent */
	ENGINE_BUSY
};
enum engine_need engine_need(const struct engine *e);

/* His name, which was not known when it was asked for. */
void engine_tell_user(struct engine *e, uint32_t uid, const char *name);
/* Counts from the next question on; who is connected stays. */
void engine_set_access(struct engine *e, const struct access_rules *rules);

/* So much of the disk is kept free from now on. */
void engine_keep_free(struct engine *e, uint64_t keep_free_bytes);

/* What of the database goes, from now on. */
void engine_set_retention(struct engine *e, const struct retention *policy);

/* Which alerts there are, from the next window of each run on. */
void engine_set_alerts(struct engine *e, const struct alert_rules *rules);
/* The program that is told of them, and how long it may take; NULL: none. */
void engine_set_hook(struct engine *e, const char *path, uint32_t timeout_ms);

/* What is wrong with the backups, for status; "" when nothing is. When the newest was made; 0: there is none. */
void engine_tell_backup(struct engine *e, const char *words, double newest);

/* Takes nothing more; on_ended follows the last commit and its acks (or the first trouble with it). */
void engine_end(struct engine *e, void (*on_ended)(void *user), void *user);
/* When no session is left. Commits nothing. */
void engine_close(struct engine *e, void (*on_closed)(void *user), void *user);

/* To be wired to every session, with the engine as their user. */
extern const struct session_callbacks engine_session_callbacks;
