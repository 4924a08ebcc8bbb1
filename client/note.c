#include "note.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "encode.h"
#include "places.h"
#include "text.h"

#define NOTE_TEXT_MAX 128u /* of a name that is there for people only, or of the words of its end */

static void note_add(struct note *n, const struct message *m) {
	n->len += encode(m, 0, n->bytes + n->len, sizeof n->bytes - n->len);
}

static struct text shortened(struct text text) {
	return text.len > NOTE_TEXT_MAX ? (struct text){0} : text;
}

static void note_add_hello(struct note *n) {
	struct message m = {.type = MSG_HELLO};

	m.hello.version_min = PROTO_VERSION_MIN;
	m.hello.version_max = PROTO_VERSION_MAX;
	m.hello.role = ROLE_TRAINER;
	m.hello.pid = (uint32_t)getpid();
	note_add(n, &m);
}

static void note_add_open(struct note *n, const struct msg_open *open, uint64_t first_seq) {
	struct message m = {.type = MSG_OPEN};

	memcpy(m.open.stream, open->stream, sizeof m.open.stream);
	m.open.has_db_id = open->has_db_id;
	memcpy(m.open.db_id, open->db_id, sizeof m.open.db_id);
	m.open.run = open->run;
	m.open.launch = open->launch;
	m.open.first_seq = first_seq;
	m.open.rank = open->rank;
	m.open.world_size = open->world_size;
	m.open.global_rank = open->global_rank;
	m.open.global_world_size = open->global_world_size;
	m.open.project = shortened(open->project);
	m.open.name = shortened(open->name);
	m.open.started = open->started;
	m.open.profile = open->profile;
	m.open.d_sae = open->d_sae;
	m.open.wandb_log_frequency = open->wandb_log_frequency;
	m.open.feature_sampling_window = open->feature_sampling_window;
	m.open.dead_feature_window = open->dead_feature_window;
	m.open.has_private = open->has_private;
	m.open.is_private = open->is_private;
	note_add(n, &m);
}

/* The folder is the daemon's to make: without one, no daemon ever listened here. */
static int open_folder(const char *socket_path) {
	char path[256];
	if (places_flaw(socket_path) != NULL) {
		return -1; /* somebody else's, who would read it */
	}
	int len = snprintf(path, sizeof path, "%s.notes", socket_path);

	/* It may be one that others write to, but do not list. */
	return len < (int)sizeof path ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
				      : -1;
}

/* Whole or not at all: written under another name, then renamed. */
static bool write_whole(const struct note *n, int folder) {
	char unfinished[sizeof n->name + 1] = ".";
	memcpy(unfinished + 1, n->name, sizeof n->name);
	int fd = openat(
		folder, unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0) {
		return false;
	}

	bool whole = write(fd, n->bytes, n->len) == (ssize_t)n->len;
	close(fd);
	whole = whole && renameat(folder, unfinished, folder, n->name) == 0;
	if (!whole) {
		unlinkat(folder, unfinished, 0);
	}
	return whole;
}

void note_compose(struct note *n, const struct msg_open *open, const struct msg_dropped *lost,
	const struct msg_finish *finish) {
	struct message m;

	n->len = 0;
	for (size_t i = 0; i < STREAM_ID_SIZE; i++) {
		snprintf(n->name + 2 * i, 3, "%02x", open->stream[i]);
	}
	note_add_hello(n);
	note_add_open(n, open, lost->seq);
	if (lost->count > 0) {
		m.type = MSG_DROPPED;
		m.dropped = *lost;
		note_add(n, &m);
	}
	if (finish != NULL) {
		m.type = MSG_FINISH;
		m.finish = *finish;
		m.finish.words.len = text_fit(finish->words, NOTE_TEXT_MAX);
		size_t len = n->len;
		note_add(n, &m);
		if (n->len == len) { /* no room for words: that it ended matters more */
			m.finish.words = (struct text){0};
			note_add(n, &m);
		}
	}
}

bool note_leave(const struct note *n, const char *socket_path) {
	int folder = open_folder(socket_path);
	if (folder < 0) {
		return false;
	}

	bool left = write_whole(n, folder);
	close(folder);
	return left;
}
