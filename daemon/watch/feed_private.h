#pragma once

#include <pthread.h>
#include <stdint.h>

#include "feed.h"

#define FEED_ID_MAX 256u

/* What the thread is to do next. */
enum feed_turn { TURN_END, TURN_STATUS, TURN_DETAIL, TURN_POINTS };

struct feed {
	const struct source *source;
	int event; /* an eventfd */
	pthread_t thread;

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	bool closing;
	bool ended; /* the thread will not touch this again, but for the lock */
	struct feed_news news;
	char wanted[FEED_ID_MAX];
	unsigned points;
	bool is_stale, is_urgent; /* urgent: somebody has pressed a key for it */
	bool wants_points;
	uint64_t points_due_ms;

	/* The thread's own. */
	char asked[FEED_ID_MAX]; /* the run that was asked for */
	unsigned asked_points;   /* of the newest detail; written under the lock */
	enum feed_turn turn;     /* what was asked last */
	uint64_t begun_ms, due_ms;
	uint64_t stamp; /* of the files as they were read */
};

/* Waits until something is to be asked, and says what. */
enum feed_turn feed_next_turn(struct feed *f);
/* The answer is there: takes it. When the next is due follows from how long it took. */
void feed_post(struct feed *f, json_t *document, bool is_file);
void feed_post_trouble(struct feed *f, const char *words);
bool feed_is_closing(struct feed *f);

/* Returns when the daemon is silent, with why, or when it is to end. */
void feed_ask_daemon(struct feed *f, char ret_words[ASK_WORDS_MAX]);
/* One turn. False: nothing could be read, and words say why. */
bool feed_read_files(
	struct feed *f, const struct database_list *files, char ret_words[ASK_WORDS_MAX]);
