/* The messages of the protocol as plain data; PROTOCOL.md §3 says what they mean.
 *
 * Every pointer in a message borrows from the bytes it was decoded from (or, on
 * the way out, from whoever built it): a message owns nothing. Text is not
 * NUL-terminated: `struct text` carries its length. Absent text has data NULL,
 * absent numbers have their `has_` flag false or the stated stand-in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"

struct text {
	const char *data; /* NULL: not given */
	size_t len;
};

enum message_type {
	MSG_HELLO = 1,
	MSG_WELCOME = 2,
	MSG_REFUSAL = 3,
	MSG_OPEN = 4,
	MSG_OPENED = 5,
	MSG_STEP = 6,
	MSG_LOG = 7,
	MSG_EVENT = 8,
	MSG_MARK = 9,
	MSG_RESTORE = 10,
	MSG_UPDATE = 11,
	MSG_DROPPED = 12,
	MSG_FLUSH = 13,
	MSG_FINISH = 14,
	MSG_SNAPSHOT = 15,
	MSG_STATE = 16,
	MSG_ACK = 17,
	MSG_STOP = 18,
	MSG_ERROR = 19,
	MSG_QUERY = 20,
	MSG_REPLY = 21,
};

enum peer_role {
	ROLE_TRAINER = 1,
	ROLE_READER = 2,
};

enum refusal_code {
	REFUSE_VERSION = 1,
	REFUSE_MALFORMED = 2,
	REFUSE_TOO_LARGE = 3,
	REFUSE_BAD_FIELD = 4,
	REFUSE_BUDGET = 5,
	REFUSE_RUN_BUSY = 6,
	REFUSE_RANK_TAKEN = 7,
	REFUSE_MISMATCH = 8,
	REFUSE_RESUME = 9,
	REFUSE_OUT_OF_ORDER = 10,
	REFUSE_SHUTTING_DOWN = 11,
	REFUSE_TOO_MANY = 12,
	REFUSE_NOT_PERMITTED = 13,
	REFUSE_STORAGE = 14,
};

enum error_code {
	ERROR_BAD_MESSAGE = 32,
	ERROR_BAD_STEP = 33,
	ERROR_BAD_COUNTS = 34,
	ERROR_BAD_VALUE = 35,
	ERROR_BAD_STATE = 36,
	ERROR_LATE = 37,
	ERROR_NO_ROOM = 38,
};

enum reply_code {
	REPLY_OK = 0,
	REPLY_UNKNOWN_QUERY = 2,
	REPLY_NO_SUCH_RUN = 4,
	REPLY_NOT_PERMITTED = 13,
	REPLY_RUN_ENDED = 37,
	REPLY_NOT_FORWARDED = 39,
	REPLY_RUN_GOES_ON = 40,
	REPLY_UNSENT = 41,
	REPLY_TOO_MANY_TAGS = 42,
};

enum counts_form {
	COUNTS_NONE = 0,
	COUNTS_U8 = 1,
	COUNTS_U16 = 2,
	COUNTS_U32 = 3,
	COUNTS_PAIRS16 = 4,
	COUNTS_PAIRS32 = 5,
};

/* One vector of per-feature counts in the form the wire carries it. */
struct counts {
	enum counts_form form;
	uint32_t n_entries;  /* pairs: how many; dense: d_sae */
	const uint8_t *data; /* unaligned, little-endian */
	size_t len;
};

struct msg_hello {
	uint32_t version_min, version_max;
	enum peer_role role;
	struct text agent, host;
	uint32_t pid; /* 0: not given */
};

struct msg_welcome {
	uint32_t version;
	struct text daemon;
	uint8_t db_id[DB_ID_SIZE];
	uint32_t header_len_max, d_sae_max;
};

struct msg_refusal {
	enum refusal_code code;
	bool has_limit, has_retry;
	uint64_t limit;
	uint32_t retry_after_ms;
	struct text words;
};

struct text_list {
	uint32_t count;
	struct text items[LIST_MAX];
};

struct msg_open {
	uint8_t stream[STREAM_ID_SIZE];
	bool has_db_id;
	uint8_t db_id[DB_ID_SIZE];
	struct text run, launch;
	uint64_t first_seq;
	uint32_t rank, world_size;               /* 0 of 1 when absent */
	uint32_t global_rank, global_world_size; /* as rank, world_size when absent */
	struct text resume;                      /* NULL: allow */
	struct text project, entity, name, group, job_type, notes, config;
	struct text host, program, git_commit, git_remote, sweep_id, source;
	struct text_list tags, args;
	double started; /* 0: not given */
	struct text profile, architecture, key_suffix;
	uint32_t d_sae, d_in; /* 0: not given */
	/* Defaults are filled in by decode. On the way out 0 of the first two means "not given". */
	uint32_t wandb_log_frequency, feature_sampling_window;
	uint32_t dead_feature_window;                         /* always sent: 0 is a window, too */
	uint32_t train_batch_size, context_size;              /* 0: not given */
	uint64_t total_training_tokens, total_training_steps; /* 0: not given */
	uint64_t num_images, num_epochs, tokens_per_image;    /* 0: not given */
	uint32_t n_thresholds;
	double thresholds[THRESHOLDS_MAX];
	bool has_min_l0, has_min_explained_variance;
	double min_l0, min_explained_variance;
	bool has_private, is_private, log_to_wandb;
	struct text wandb_key, wandb_base_url; /* the second: whose key it is */
	uint32_t n_scalars;
	struct text scalars[SCALARS_MAX];
};

struct msg_opened {
	uint64_t durable, wanted;
	bool has_last_step;
	uint32_t last_step;
	uint32_t attempt;
	bool resumed;
	uint64_t outbox_bytes;
	struct text name;
};

struct msg_step {
	uint64_t seq;
	uint32_t lap, step;
	double time, elapsed_s;
	uint32_t n_rows;
	uint32_t n_scalars;
	double scalars[SCALARS_MAX];        /* 0 where not given; nothing behind n_scalars */
	uint64_t present[SCALARS_MAX / 64]; /* bit i: scalars[i] was given */
	struct counts nonzero, positive;    /* positive.form COUNTS_NONE: the same as nonzero */
};

enum value_kind {
	VALUE_FLOAT = 1,
	VALUE_INT = 2,
	VALUE_TEXT = 3,
	VALUE_HISTOGRAM = 4,
};

struct histogram_view {
	uint32_t n_bins;
	const double *counts; /* n_bins */
	const double *edges;  /* n_bins + 1 */
};

struct value {
	enum value_kind kind;
	union {
		double number;
		int64_t integer;
		struct text text;
		struct histogram_view histogram;
	};
};

struct log_entry {
	struct text key;
	struct value value;
};

struct msg_log {
	uint64_t seq;
	bool has_step;
	uint32_t step;
	double time, elapsed_s;
	uint32_t n_entries;
	const struct log_entry *entries; /* in the decoder's arena */
	uint32_t lap;                    /* 0: not given, the one its stream is in */
};

struct msg_event {
	uint64_t seq;
	bool has_step;
	uint32_t step;
	double time;
	struct text kind, text;
};

struct msg_mark {
	uint64_t seq;
	uint32_t step;
	double time;
	struct text text;
};

struct msg_restore {
	uint64_t seq;
	uint32_t lap, step;
	double time;
	const uint8_t *state;
	size_t state_len;
};

struct msg_update {
	uint64_t seq;
	struct text name, notes, config, summary;
	bool has_tags;
	struct text_list tags;
};

struct msg_dropped {
	uint64_t seq, count;
	bool has_step;
	uint32_t lap, step; /* of the last STEP among them */
};

struct msg_flush {
	uint64_t through_seq;
};

struct msg_finish {
	uint64_t seq;
	int32_t exit_code;
	struct text state;
	double time;
	struct text words; /* why, e.g. an exception's name and message */
};

struct msg_snapshot {
	uint64_t token, through_seq;
};

struct msg_state {
	uint64_t token;
	uint32_t code; /* 0: ok */
	bool has_step;
	uint32_t step;
	struct text words;
	const uint8_t *state;
	size_t state_len;
};

struct msg_ack {
	uint64_t seq;
};

struct msg_stop {
	struct text reason;
};

struct msg_error {
	enum error_code code;
	struct text words;
	bool has_seq;
	uint64_t seq;
};

struct msg_query {
	uint64_t token;
	struct text what, run;
	struct text reason;                             /* of stop */
	struct text wandb_key;                          /* of sync; in no answer, and no log */
	struct text wandb_base_url;                     /* of sync: whose key it is */
	bool take_over;                                 /* of sync */
	struct text table, after;                       /* of export */
	bool has_at_tokens, trajectory, without_config; /* of points */
	uint64_t at_tokens;
	bool has_at_time; /* the same */
	double at_time;
	struct text name;           /* of rename */
	struct text_list add, take; /* of tag: "add" and "remove" */
	struct text kind;           /* of ack */
	bool force, dry_run;        /* of rm */
	bool undo;                  /* of ack, rename and tag */
	uint32_t points;            /* of status: how fine curves are to be; 0: as coarse as ever */
	struct text sql;            /* of sql */
	uint32_t timeout_ms;        /* of sql; 0: not given */
};

struct msg_reply {
	uint64_t token;
	uint32_t code;
	struct text words;
	const uint8_t *json;
	size_t json_len;
};

struct message {
	enum message_type type;
	union {
		struct msg_hello hello;
		struct msg_welcome welcome;
		struct msg_refusal refusal;
		struct msg_open open;
		struct msg_opened opened;
		struct msg_step step;
		struct msg_log log;
		struct msg_event event;
		struct msg_mark mark;
		struct msg_restore restore;
		struct msg_update update;
		struct msg_dropped dropped;
		struct msg_flush flush;
		struct msg_finish finish;
		struct msg_snapshot snapshot;
		struct msg_state state;
		struct msg_ack ack;
		struct msg_stop stop;
		struct msg_error error;
		struct msg_query query;
		struct msg_reply reply;
	};
};

static inline struct text text_of(const char *data, size_t len) {
	return (struct text){data, len};
}

/* "STEP"; "unknown" where there is no such type. */
const char *message_name(uint64_t type);

/* Whether messages of this type are the stream: they carry a seq and have their effect in its order. */
bool message_has_seq(uint64_t type);

/* Its seq, of a DROPPED the first; 0: it has none. */
uint64_t message_seq(const struct message *m);
bool message_has_payload(uint64_t type);
/* Whether it is the daemon that sends them. */
bool message_is_daemons(uint64_t type);

/* The payload bytes of a message that has one (STEP, RESTORE, STATE, REPLY), else 0. */
size_t message_payload_len(const struct message *m);
