/* The daemon's log: one line an event, to stderr, where a terminal or a file reads it; or to the journal, with fields, by
 * the sink that whoever knows the journal gives it. Lines carry the journal's `<n>` priority prefix where it reads stderr
 * itself. The function that decides something logs it, once; core/, store/db and base/ never log. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* What a message is about, for who searches for it: fields of the journal. Texts are borrowed; any may be NULL. */
struct log_about {
	const char *kind; /* of log_messages.h: MESSAGE_ID= */
	const char *run;  /* SAE_RUN= */
	const char *project;
	const char *user;       /* his name */
	bool is_of_user;        /* he caused it: of each kind he may cause so many (log_limit.h) */
	uint32_t uid;           /* of that user */
	const char *about_kind; /* of whose kind this tells: SAE_MESSAGE_ID= */
};

/* Messages above `level` are not written. Default: info. */
void log_set_level(enum log_level level);
/* "error", "warning", "info", "debug"; -1 for anything else. */
int log_level_parse(const char *name);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, with fields. On the loop's thread alone. */
void log_about(enum log_level level, const struct log_about *about, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Now and then: says how many messages were left out of those that one user caused. */
void log_say_unsaid(void);

/* Whether stderr is the journal's ($JOURNAL_STREAM). */
bool log_goes_to_journal(void);
/* `about` may be NULL. False: not written, stderr gets it. Called by any thread. */
typedef bool (*log_sink_fn)(
	enum log_level level, const struct log_about *about, const char *line, size_t len);
void log_set_sink(log_sink_fn to);

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
/* What is about a run and no user causes at will. */
#define log_of_run(level, id, ...) log_about(level, &(struct log_about){.run = (id)}, __VA_ARGS__)
/* The same, of a kind; `id` may be NULL. */
#define log_of_kind(level, of_kind, id, ...)                                                       \
	log_about(level, &(struct log_about){.kind = (of_kind), .run = (id)}, __VA_ARGS__)
