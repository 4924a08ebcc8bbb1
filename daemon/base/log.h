/* The daemon's log: one line an event, to stderr, where a terminal, a file or the journal
 * reads it. Lines carry the journal's `<n>` priority prefix when the journal listens. The
 * function that decides something logs it, once; core/, store/db and base/ never log. */
#pragma once

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* Messages above `level` are not written. Default: info. */
void log_set_level(enum log_level level);
/* "error", "warning", "info", "debug"; -1 for anything else. */
int log_level_parse(const char *name);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
