/* Documents as they come: a thread of its own asks a daemon, on one connection, or reads files when they have changed; so that
 * keys are answered however slow a source is. A source that is silent is tried again until it is back.
 *
 * It asks once a second at most, and never so often that answers take more than a fiftieth of the time: where
 * there are thousands of runs, it looks less often. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "ask.h"
#include "source.h"

struct feed;

/* Each document is there or NULL, and the taker's. */
struct feed_news {
	json_t *status;
	json_t *detail;              /* RUN, the one that was wanted */
	json_t *points;              /* the points document */
	bool is_heard;               /* the source has answered since the last look */
	bool is_file;                /* a file has, not a daemon */
	char trouble[ASK_WORDS_MAX]; /* why it does not; "": it does */
	double trouble_since;        /* seconds since 1970 */
};

/* `source` is borrowed. NULL when memory or threads are short. */
struct feed *feed_open(const struct source *source);
/* An answer that is long in coming is not waited for. False: its thread still has what it borrowed, until the process ends. */
bool feed_close(struct feed *f);

/* Readable when there are news. */
int feed_fd(const struct feed *f);
void feed_take(struct feed *f, struct feed_news *ret);

/* Whether the points document is wanted, from now on: again every ten seconds. */
void feed_want_points(struct feed *f, bool wanted);

/* The run whose detail is wanted, by its id, with so many points a curve; again where it is stale. "": none. */
void feed_want(struct feed *f, const char *run_id, unsigned points, bool is_stale);
