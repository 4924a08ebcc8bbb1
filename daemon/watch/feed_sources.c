#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "feed_private.h"
#include "message.h"
#include "paths.h"
#include "places.h"
#include "points.h"

#define ANSWER_TIMEOUT_MS 5000u

/* ---- a daemon ---- */

static bool next_question(void *user, json_t *document, struct msg_query *ret) {
	struct feed *f = user;

	if (document) {
		feed_post(f, json_incref((json_t *)document), false);
	}
	enum feed_turn turn = feed_next_turn(f);
	if (turn == TURN_END) {
		return false;
	}
	*ret = (struct msg_query){.what = text_of("status", 6)};
	if (turn == TURN_POINTS) {
		ret->what = text_of("points", 6);
	}
	if (turn == TURN_DETAIL) {
		ret->run = text_of(f->asked, strlen(f->asked));
		ret->points = f->asked_points;
	}
	return true;
}

/* As long as somebody answers there, and is asked. */
static enum ask_result ask_on(struct feed *f, const char *socket, char ret_words[ASK_WORDS_MAX]) {
	const struct ask_talk talk = {
		.next = next_question, .user = f, .timeout_ms = ANSWER_TIMEOUT_MS};
	char words[ASK_WORDS_MAX] = "";
	enum ask_result result;
	bool is_trouble;

	do {
		result = ask_talk(socket, &talk, words);
		/* A run that is gone is none: the list says so. Nor is a daemon of a time before fronts. */
		is_trouble = result != ASK_ANSWERED && result != ASK_NO_SUCH_RUN &&
			     !(result == ASK_REFUSED && f->turn == TURN_POINTS);
	} while (!is_trouble && !feed_is_closing(f));
	snprintf(ret_words, ASK_WORDS_MAX, "no answer from %.200s: %.250s", socket, words);
	return result;
}

void feed_ask_daemon(struct feed *f, char ret_words[ASK_WORDS_MAX]) {
	const char *chosen = f->source->socket ? f->source->socket : paths_socket_override();
	struct places_sockets sockets;
	char words[ASK_WORDS_MAX];

	ret_words[0] = '\0';
	if (chosen) {
		(void)ask_on(f, chosen, ret_words);
		return;
	}
	places_find_sockets(&sockets);
	for (size_t i = 0; i < sockets.n && !feed_is_closing(f); i++) {
		/* A daemon that is there and fails says more than one that is not there. */
		if (ask_on(f, sockets.path[i], words) == ASK_FAILED || !ret_words[0]) {
			memcpy(ret_words, words, sizeof(words));
		}
	}
}

/* ---- files ---- */

static uint64_t mix(uint64_t stamp, uint64_t value) {
	return (stamp ^ value) * 0x100000001b3u;
}

/* Of a file and its write-ahead log: another one, when something was written. */
static uint64_t stamp_of(const struct database_list *files) {
	char log[PATH_MAX + 8];
	uint64_t stamp = 1;
	struct stat st;

	for (size_t i = 0; i < files->n; i++) {
		snprintf(log, sizeof(log), "%s-wal", files->paths[i]);
		for (int k = 0; k < 2; k++) {
			if (stat(k == 0 ? files->paths[i] : log, &st) == 0) {
				stamp = mix(stamp, (uint64_t)st.st_ino);
				stamp = mix(stamp, (uint64_t)st.st_size);
				stamp = mix(stamp, (uint64_t)st.st_mtim.tv_sec);
				stamp = mix(stamp, (uint64_t)st.st_mtim.tv_nsec);
			}
		}
	}
	return stamp;
}

static enum database_result read_one(
	const struct feed *f, const char *path, json_t **ret, char ret_words[DATABASE_WORDS_MAX]) {
	bool is_detail = f->turn == TURN_DETAIL;

	if (f->turn == TURN_POINTS) {
		return database_read_points(path, &(struct points_query){0}, ret, ret_words);
	}
	return database_read_fine(
		path, is_detail ? f->asked : NULL, is_detail ? f->asked_points : 0, ret, ret_words);
}

static json_t *read_all(
	const struct feed *f, const struct database_list *files, char ret_words[ASK_WORDS_MAX]) {
	json_t *all = json_pack("{s:i, s:[]}", "schema", 1, "runs");
	size_t n_read = 0;

	for (size_t i = 0; all && i < files->n; i++) {
		char words[DATABASE_WORDS_MAX];
		json_t *one = NULL;
		enum database_result result = read_one(f, files->paths[i], &one, words);
		if (result == DATABASE_UNREADABLE) {
			snprintf(ret_words, ASK_WORDS_MAX, "%.250s: %s", files->paths[i], words);
		}
		n_read += result != DATABASE_UNREADABLE;
		if (one) {
			(void)database_merge(all, one, files->paths[i]);
		}
		json_decref(one);
	}
	if (n_read == 0) {
		json_decref(all);
		return NULL;
	}
	return all;
}

bool feed_read_files(
	struct feed *f, const struct database_list *files, char ret_words[ASK_WORDS_MAX]) {
	uint64_t stamp = stamp_of(files);

	if (stamp == f->stamp && f->turn == TURN_STATUS) {
		return true;
	}
	json_t *document = read_all(f, files, ret_words);
	if (!document) {
		f->stamp = 0;
		return false;
	}
	if (f->turn == TURN_STATUS) {
		f->stamp = stamp;
	}
	feed_post(f, document, true);
	return true;
}
