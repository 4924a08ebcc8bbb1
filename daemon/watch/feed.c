#include "feed.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "feed_private.h"
#include "paths.h"

#define INTERVAL_MS        1000u
#define INTERVAL_MAX_MS    10000u
#define POINTS_INTERVAL_MS 10000u
#define URGENT_MS          100u
#define SHARE              50u /* of the time, that answers may take: one part in so many */
#define CLOSE_MS           200u

/* ---- between the threads ---- */

static struct timespec time_at(uint64_t ms) {
	return (struct timespec){(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
}

bool feed_is_closing(struct feed *f) {
	pthread_mutex_lock(&f->lock);
	bool closing = f->closing;
	pthread_mutex_unlock(&f->lock);
	return closing;
}

static void tell(struct feed *f) {
	uint64_t one = 1;

	(void)!write(f->event, &one, sizeof(one));
}

/* How long to wait after an answer that took so long. */
static uint64_t pause_after(uint64_t took_ms) {
	uint64_t pause = took_ms * SHARE;

	return pause < INTERVAL_MS       ? INTERVAL_MS
	       : pause > INTERVAL_MAX_MS ? INTERVAL_MAX_MS
					 : pause;
}

/* The status document comes every other time at least, but for what a key was pressed for. */
static enum feed_turn turn_of(const struct feed *f, uint64_t now_ms) {
	bool is_free = f->is_urgent || f->turn == TURN_STATUS;

	if (f->wants_points && is_free && now_ms >= f->points_due_ms) {
		return TURN_POINTS;
	}
	return f->wanted[0] && is_free && (f->is_urgent || f->is_stale) ? TURN_DETAIL : TURN_STATUS;
}

static enum feed_turn turn_begin(struct feed *f) {
	f->begun_ms = clock_mono_ms();
	f->turn = turn_of(f, f->begun_ms);
	bool detail = f->turn == TURN_DETAIL;
	if (f->turn == TURN_POINTS) {
		f->points_due_ms = f->begun_ms + POINTS_INTERVAL_MS;
	}
	f->is_urgent = false;
	f->is_stale = f->is_stale && !detail;
	snprintf(f->asked, sizeof(f->asked), "%s", f->wanted);
	f->asked_points = detail ? f->points : f->asked_points;
	f->due_ms = f->begun_ms + INTERVAL_MS; /* at the soonest, whatever comes of it */
	return f->turn;
}

/* Who goes through the list by holding a key down does not ask at each run. */
static uint64_t due_at(const struct feed *f) {
	uint64_t soon_ms = f->begun_ms + URGENT_MS;

	return f->is_urgent && soon_ms < f->due_ms ? soon_ms : f->due_ms;
}

enum feed_turn feed_next_turn(struct feed *f) {
	pthread_mutex_lock(&f->lock);
	while (!f->closing && clock_mono_ms() < due_at(f)) {
		struct timespec due = time_at(due_at(f));
		(void)pthread_cond_timedwait(&f->changed, &f->lock, &due);
	}
	enum feed_turn turn = f->closing ? TURN_END : turn_begin(f);
	pthread_mutex_unlock(&f->lock);
	return turn;
}

void feed_post(struct feed *f, json_t *document, bool is_file) {
	uint64_t now_ms = clock_mono_ms();

	pthread_mutex_lock(&f->lock);
	if (f->turn == TURN_DETAIL) {
		json_decref(f->news.detail);
		f->news.detail = json_incref(json_array_get(json_object_get(document, "runs"), 0));
		json_decref(document);
	} else if (f->turn == TURN_POINTS) {
		json_decref(f->news.points);
		f->news.points = document;
	} else {
		json_decref(f->news.status);
		f->news.status = document;
	}
	f->news.is_heard = true;
	f->news.is_file = is_file;
	/* What stands in for a daemon that is silent does not make it speak. */
	if (!is_file || f->source->files.n > 0) {
		f->news.trouble[0] = '\0';
	}
	f->due_ms = now_ms + pause_after(now_ms - f->begun_ms);
	pthread_mutex_unlock(&f->lock);
	tell(f);
}

void feed_post_trouble(struct feed *f, const char *words) {
	pthread_mutex_lock(&f->lock);
	if (!f->news.trouble[0]) {
		f->news.trouble_since = clock_wall();
	}
	bool is_new = strcmp(f->news.trouble, words) != 0;
	snprintf(f->news.trouble, sizeof(f->news.trouble), "%s", words);
	pthread_mutex_unlock(&f->lock);
	if (is_new) {
		tell(f);
	}
}

void feed_take(struct feed *f, struct feed_news *ret) {
	uint64_t count;

	(void)!read(f->event, &count, sizeof(count));
	pthread_mutex_lock(&f->lock);
	*ret = f->news;
	f->news.status = f->news.detail = f->news.points = NULL;
	f->news.is_heard = false;
	pthread_mutex_unlock(&f->lock);
}

void feed_want(struct feed *f, const char *run_id, unsigned points, bool is_stale) {
	pthread_mutex_lock(&f->lock);
	if (strcmp(f->wanted, run_id) != 0) {
		snprintf(f->wanted, sizeof(f->wanted), "%s", run_id);
		f->is_urgent = run_id[0] != '\0';
		pthread_cond_signal(&f->changed);
	}
	f->points = points;
	f->is_stale = is_stale || points > f->asked_points; /* a wider screen */
	pthread_mutex_unlock(&f->lock);
}

void feed_want_points(struct feed *f, bool wanted) {
	pthread_mutex_lock(&f->lock);
	if (wanted && !f->wants_points) {
		f->points_due_ms = 0;
		f->is_urgent = true;
		pthread_cond_signal(&f->changed);
	}
	f->wants_points = wanted;
	pthread_mutex_unlock(&f->lock);
}

int feed_fd(const struct feed *f) {
	return f->event;
}

/* ---- the thread ---- */

/* A little later, also when somebody waits for another run: the source is silent. */
static void wait_out(struct feed *f) {
	pthread_mutex_lock(&f->lock);
	f->due_ms = clock_mono_ms() + INTERVAL_MS;
	while (!f->closing && clock_mono_ms() < f->due_ms) {
		struct timespec due = time_at(f->due_ms);
		(void)pthread_cond_timedwait(&f->changed, &f->lock, &due);
	}
	pthread_mutex_unlock(&f->lock);
}

/* What a daemon that is silent has written, where nobody chose it: as last committed. */
static void read_default(struct feed *f, const char *silence) {
	char words[2 * ASK_WORDS_MAX], why[ASK_WORDS_MAX], path[PATH_MAX];
	struct database_list files = {0};
	bool is_default = !f->source->socket && !paths_socket_override();

	snprintf(words, sizeof(words), "%s", silence);
	if (is_default && database_default(path) && database_list_add(&files, path) == 0) {
		(void)feed_next_turn(f);
		if (feed_read_files(f, &files, why)) {
			snprintf(words, sizeof(words), "%.300s; showing %.200s as last committed",
				silence, path);
		}
	}
	database_list_finish(&files);
	feed_post_trouble(f, words);
}

static void *run(void *user) {
	struct feed *f = user;
	bool of_files = f->source->files.n > 0;
	char words[ASK_WORDS_MAX];

	while (!feed_is_closing(f)) {
		if (!of_files) {
			feed_ask_daemon(f, words);
			if (!feed_is_closing(f)) {
				read_default(f, words);
				wait_out(f);
			}
		} else if (feed_next_turn(f) != TURN_END &&
			   !feed_read_files(f, &f->source->files, words)) {
			feed_post_trouble(f, words);
			wait_out(f);
		}
	}
	pthread_mutex_lock(&f->lock);
	f->ended = true;
	pthread_cond_signal(&f->changed);
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

static void destroy(struct feed *f) {
	json_decref(f->news.status);
	json_decref(f->news.detail);
	json_decref(f->news.points);
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
	if (f->event >= 0) {
		(void)close(f->event);
	}
	free(f);
}

struct feed *feed_open(const struct source *source) {
	struct feed *f = calloc(1, sizeof(*f));
	pthread_condattr_t attributes;

	if (!f) {
		return NULL;
	}
	f->source = source;
	f->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&f->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	if (f->event < 0 || pthread_create(&f->thread, NULL, run, f) != 0) {
		destroy(f);
		return NULL;
	}
	return f;
}

/* False: it has not ended in time. */
static bool await_end(struct feed *f) {
	const struct timespec due = time_at(clock_mono_ms() + CLOSE_MS);
	int err = 0;

	pthread_mutex_lock(&f->lock);
	f->closing = true;
	pthread_cond_broadcast(&f->changed);
	while (!f->ended && err == 0) {
		err = pthread_cond_timedwait(&f->changed, &f->lock, &due);
	}
	bool ended = f->ended;
	pthread_mutex_unlock(&f->lock);
	return ended;
}

bool feed_close(struct feed *f) {
	if (f == NULL) {
		return true;
	}
	if (!await_end(f)) {
		return false;
	}
	(void)pthread_join(f->thread, NULL);
	destroy(f);
	return true;
}
