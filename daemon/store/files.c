#include "files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aside.h"
#include "clock.h"
#include "location.h"

static int set_aside(struct files *f, char ret_words[DB_WORDS_MAX]) {
	char words[DB_WORDS_MAX];
	int err = aside_move(f->path, words);
	memcpy(err < 0 ? ret_words : f->news, words, sizeof words);
	f->replaced = f->replaced || err == 0;
	return err;
}

/* The directory remembers the newest epoch it has seen: a database that is behind it was put back
 * from a copy, and is another database from here on. */
static int check_restored(struct files *f) {
	bool behind = false;
	int err = slots_note_epoch(&f->slots, f->db.id, f->db.epoch, &behind);
	if (err < 0 || !behind) {
		return err;
	}
	snprintf(f->news, sizeof f->news,
		"%.100s was put back from an older copy: what is newer is missing, and is shown as "
		"lost",
		f->path);
	err = db_rename(&f->db);
	return err < 0 ? err : slots_note_epoch(&f->slots, f->db.id, f->db.epoch, &behind);
}

static int say_state(const struct files *f, int err, char ret_words[DB_WORDS_MAX]) {
	if (err < 0) {
		snprintf(ret_words, DB_WORDS_MAX, "%.190s-state: %s", f->path, strerror(-err));
	}
	return err;
}

static void note_news(struct files *f) {
	if (f->news[0] != '\0') {
		(void)writer_put_event(&f->db.writer, 0, clock_wall(), "replaced", f->news);
	}
}

static int is_mark_named(void *user, const char *run_id, int64_t n) {
	struct db *db = user;
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db->sql,
		"SELECT 1 FROM marks_data m JOIN runs_data r ON r.n = m.run "
		"WHERE r.id = ? AND m.n = ? AND m.kept",
		-1, &st, NULL);
	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_text(st, 1, run_id, -1, SQLITE_STATIC);
		(void)sqlite3_bind_int64(st, 2, n);
		rc = sqlite3_step(st);
	}
	(void)sqlite3_finalize(st);
	return rc == SQLITE_DONE ? 0 : 1; /* in doubt it stays */
}

static int open_or_begin(struct files *f, char ret_words[DB_WORDS_MAX]) {
	char words[DB_WORDS_MAX];
	int moved = aside_move_log(f->path, words);
	if (moved != ASIDE_NO_LOG) {
		memcpy(moved < 0 ? ret_words : f->news, words, sizeof words);
	}
	return moved < 0 ? moved : db_open(&f->db, f->path, f->version, ret_words);
}

/* What SQLite calls damaged twice in a row, in a file that is ours, is: whatever its own check finds. */
static int open_database(struct files *f, char ret_words[DB_WORDS_MAX]) {
	int err = open_or_begin(f, ret_words);
	if (err == -EBADMSG && !db_is_damaged(f->path, false)) {
		err = db_open(&f->db, f->path, f->version, ret_words);
	}
	if (err != -EBADMSG) {
		return err;
	}
	err = set_aside(f, ret_words);
	return err < 0 ? err : db_open(&f->db, f->path, f->version, ret_words);
}

static int open_all(struct files *f, char ret_words[DB_WORDS_MAX]) {
	int err = location_check(f->path, ret_words);
	if (err == 0) {
		err = location_lock(f->path, &f->lock_fd, ret_words);
	}
	if (err == 0) {
		err = open_database(f, ret_words);
	}
	if (err < 0) {
		return err;
	}
	/* Only now: the directory is a sign that the database is ours. */
	err = slots_open(&f->slots, f->path);
	if (err == 0) {
		err = check_restored(f);
	}
	return say_state(f, err, ret_words);
}

int files_open(
	struct files *f, const char *path, const char *version, char ret_words[DB_WORDS_MAX]) {
	*f = (struct files){
		.path = location_resolve(path),
		.version = strdup(version),
		.lock_fd = -1,
		.slots = {.dir_fd = -1},
	};
	int err = f->path == NULL || f->version == NULL ? -ENOMEM : open_all(f, ret_words);
	if (err < 0) {
		files_close(f);
		return err;
	}
	slots_sweep_marks(&f->slots, is_mark_named, &f->db);
	note_news(f);
	return 0;
}

static bool is_damaged(const struct files *f, enum doubt doubt) {
	return doubt == DOUBT_CERTAIN ||
	       (doubt != DOUBT_NONE && db_is_damaged(f->path, doubt == DOUBT_WHOLE));
}

/* The folder may be another one by now, and what is in it another daemon's. */
static int lock_again(struct files *f, char ret_words[DB_WORDS_MAX]) {
	if (location_holds_lock(f->path, f->lock_fd)) {
		return 0;
	}
	int fd = -1;
	int err = location_lock(f->path, &fd, ret_words);
	if (err == 0) {
		(void)close(f->lock_fd);
		f->lock_fd = fd;
	}
	return err;
}

int files_reopen(struct files *f, enum doubt doubt, char ret_words[DB_WORDS_MAX]) {
	db_abandon(&f->db);
	int locked = lock_again(f, ret_words);
	if (locked < 0) {
		return locked;
	}
	if (!f->replaced && is_damaged(f, doubt)) {
		int err = set_aside(f, ret_words);
		if (err < 0) {
			return err;
		}
	}
	int err = open_or_begin(f, ret_words);
	if (err == 0) {
		err = say_state(f, check_restored(f), ret_words);
	}
	if (err == 0) {
		note_news(f);
	}
	return err;
}

void files_close(struct files *f) {
	db_close(&f->db);
	slots_close(&f->slots);
	if (f->lock_fd >= 0) {
		(void)close(f->lock_fd);
		f->lock_fd = -1;
	}
	free(f->version);
	free(f->path);
	f->version = f->path = NULL;
}
