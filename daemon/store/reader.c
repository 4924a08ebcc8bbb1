#include "reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "removed.h"

#define BUSY_TIMEOUT_MS 100
/* Of pages that are read again: those above the rows. SQLite's own two MiB would be taken and given back with each question. */
#define CACHE_KIB "128"
/* A run that crashed longer ago than this is looked up when somebody asks for it. */
#define CRASHED_LATELY "86400.0"

/* What could not be opened once may be now. */
static int ready(struct reader *r) {
	if (r->sql != NULL) {
		return 0;
	}
	int rc = sqlite3_open_v2(
		r->path, &r->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK) {
		(void)sqlite3_busy_timeout(r->sql, BUSY_TIMEOUT_MS);
		(void)sqlite3_db_config(r->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		rc = sqlite3_exec(r->sql, "PRAGMA query_only = on; PRAGMA cache_size = -" CACHE_KIB,
			NULL, NULL, NULL);
	}
	int err = r->sql == NULL ? -ENOMEM : db_error(r->sql, rc);
	if (err < 0) {
		reader_close(r);
	}
	return err;
}

int reader_open(struct reader *r, const char *path, const struct slots *slots) {
	*r = (struct reader){.path = path, .slots = slots};
	return ready(r);
}

void reader_close(struct reader *r) {
	(void)sqlite3_close_v2(r->sql);
	r->sql = NULL;
}

/* Prepares and takes the first row: 0, -ENOENT without one, or broken. *ret_st is to be finalized. */
static int first_row(struct reader *r, const char *sql, const char *run_id, sqlite3_stmt **ret_st) {
	int err = ready(r);
	if (err < 0) {
		return err;
	}
	int rc = sqlite3_prepare_v2(r->sql, sql, -1, ret_st, NULL);
	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_text(*ret_st, 1, run_id, -1, SQLITE_STATIC);
		rc = sqlite3_step(*ret_st);
	}
	return rc == SQLITE_DONE ? -ENOENT : db_error(r->sql, rc);
}

static void drop_arrays(struct run_saved *saved) {
	free(saved->window);
	free(saved->last);
	free(saved->base);
	saved->window = saved->last = NULL;
	saved->base = NULL;
}

enum {
	ARRAYS_LOST = 1 /* beside 0 and -errno */
};

/* All three arrays as the database names them, or none. A base that was never written is all zero. */
static int load_arrays(struct reader *r, const char *run_id, const struct slot_ref *hot,
	const struct slot_ref *base, struct run_saved *saved) {
	size_t d_sae = saved->d_sae;
	if (d_sae == 0 || hot->generation == 0) {
		return 0;
	}
	saved->window = malloc(d_sae * sizeof *saved->window);
	saved->last = malloc(d_sae * sizeof *saved->last);
	saved->base = calloc(d_sae, sizeof *saved->base);
	if (saved->window == NULL || saved->last == NULL || saved->base == NULL) {
		return -ENOMEM;
	}

	struct slot_arrays hot_arrays = {
		.parts = {{saved->window, d_sae * sizeof *saved->window},
			{saved->last, d_sae * sizeof *saved->last}},
		.count = 2,
	};
	struct slot_arrays base_array = {
		.parts = {{saved->base, d_sae * sizeof *saved->base}},
		.count = 1,
	};
	int err = slots_read(r->slots, run_id, SLOT_HOT, hot, saved->d_sae, &hot_arrays);
	if (err == 0 && base->generation > 0) {
		err = slots_read(r->slots, run_id, SLOT_BASE, base, saved->d_sae, &base_array);
	}
	if (err < 0) {
		/* Whatever keeps a file from being read, the run goes on without it. */
		drop_arrays(saved);
		return ARRAYS_LOST;
	}
	return 0;
}

static int take_state(
	struct reader *r, const char *run_id, sqlite3_stmt *st, struct loaded_run *ret) {
	struct loaded_run loaded = {
		.saved =
			{
				.small_len = (size_t)sqlite3_column_bytes(st, 0),
				.d_sae = (uint32_t)sqlite3_column_int64(st, 1),
			},
	};
	loaded.memory = malloc(loaded.saved.small_len + 1);
	if (loaded.memory == NULL) {
		return -ENOMEM;
	}
	if (loaded.saved.small_len > 0) {
		memcpy(loaded.memory, sqlite3_column_blob(st, 0), loaded.saved.small_len);
	}
	loaded.saved.small = loaded.memory;

	struct slot_ref hot = db_column_slot(st, 2), base = db_column_slot(st, 5);
	int err = load_arrays(r, run_id, &hot, &base, &loaded.saved);
	if (err < 0) {
		loaded_run_finish(&loaded);
		return err;
	}
	loaded.arrays_lost = err == ARRAYS_LOST;
	snprintf(loaded.state, sizeof loaded.state, "%s", (const char *)sqlite3_column_text(st, 8));
	loaded.is_parked = sqlite3_column_int(st, 9) != 0;
	*ret = loaded;
	return 0;
}

int reader_load(struct reader *r, const char *run_id, struct loaded_run *ret) {
	sqlite3_stmt *st = NULL;
	int err = first_row(r,
		"SELECT small, s.d_sae, hot_slot, hot_generation, hot_checksum, base_slot, "
		"base_generation, base_checksum, r.state, EXISTS (SELECT 1 FROM forwards_data f "
		"WHERE f.run = r.n AND f.parked IS NOT NULL) FROM run_state s JOIN runs_data r ON "
		"r.n = s.run "
		"WHERE r.id = ?",
		run_id, &st);
	if (err == 0) {
		err = take_state(r, run_id, st, ret);
	}
	(void)sqlite3_finalize(st);
	return err;
}

void loaded_run_finish(struct loaded_run *l) {
	if (l == NULL) {
		return;
	}
	drop_arrays(&l->saved);
	free(l->memory);
	*l = (struct loaded_run){0};
}

int reader_look(struct reader *r, const char *run_id, struct stored_run *ret) {
	sqlite3_stmt *st = NULL;
	int err = first_row(r,
		"SELECT uid, coalesce(d_sae, 0), coalesce(world_size, 1) FROM runs_data WHERE id = "
		"? "
		"AND uid IS NOT NULL",
		run_id, &st);
	if (err == 0) {
		*ret = (struct stored_run){
			.uid = (uint32_t)sqlite3_column_int64(st, 0),
			.d_sae = (uint32_t)sqlite3_column_int64(st, 1),
			.world_size = (uint32_t)sqlite3_column_int64(st, 2),
		};
	}
	(void)sqlite3_finalize(st);
	return err;
}

/* Two slots of each array have 32 bytes a feature. */
int reader_each_usage(
	struct reader *r, void (*each)(void *user, uint32_t uid, uint64_t bytes), void *user) {
	sqlite3_stmt *st = NULL;
	int err = ready(r);
	if (err < 0) {
		return err;
	}
	int rc = sqlite3_prepare_v2(r->sql,
		"SELECT uid, sum(rows_bytes + 48 * coalesce(d_sae, 0) + 8192) FROM runs_data "
		"WHERE uid IS NOT NULL GROUP BY uid",
		-1, &st, NULL);
	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW) {
			each(user, (uint32_t)sqlite3_column_int64(st, 0),
				(uint64_t)sqlite3_column_int64(st, 1));
		}
	}
	(void)sqlite3_finalize(st);
	return rc == SQLITE_DONE ? 0 : db_error(r->sql, rc);
}

int reader_load_mark(struct reader *r, const char *run_id, uint32_t attempt, uint32_t step,
	uint8_t **ret_state, size_t *ret_len) {
	sqlite3_stmt *st = NULL;
	int err = ready(r);
	if (err < 0) {
		return err;
	}
	int rc = sqlite3_prepare_v2(r->sql,
		"SELECT m.n, m.size, m.checksum FROM marks_data m JOIN runs_data r ON r.n = m.run "
		"WHERE r.id = ? AND m.attempt = ? AND m.step = ? AND m.kept ORDER BY m.n DESC "
		"LIMIT 1",
		-1, &st, NULL);
	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_text(st, 1, run_id, -1, SQLITE_STATIC);
		(void)sqlite3_bind_int64(st, 2, attempt);
		(void)sqlite3_bind_int64(st, 3, step);
		rc = sqlite3_step(st);
	}
	err = rc == SQLITE_DONE ? -ENOENT : db_error(r->sql, rc);
	if (err == 0) {
		size_t len = (size_t)sqlite3_column_int64(st, 1);
		err = slots_read_mark(r->slots, run_id, sqlite3_column_int64(st, 0), len,
			(uint64_t)sqlite3_column_int64(st, 2), ret_state);
		if (err == 0) {
			*ret_len = len;
		}
	}
	(void)sqlite3_finalize(st);
	return err;
}

int reader_find_removed(struct reader *r, const char *run_id, const struct viewer *viewer,
	bool *ret_found, char ret_words[256]) {
	int err = ready(r);
	return err < 0 ? err : removed_find(r->sql, run_id, viewer, ret_found, ret_words);
}

/* All ids first: whoever is called may read and write. */
static int collect_ids(struct reader *r, const char *sql, char *(**ret_ids), size_t *ret_count) {
	sqlite3_stmt *st = NULL;
	int err = ready(r);
	if (err < 0) {
		return err;
	}
	int rc = sqlite3_prepare_v2(r->sql, sql, -1, &st, NULL);
	err = db_error(r->sql, rc);
	while (err == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		char **more = realloc(*ret_ids, (*ret_count + 1) * sizeof **ret_ids);
		char *id = strdup((const char *)sqlite3_column_text(st, 0));
		*ret_ids = more != NULL ? more : *ret_ids;
		if (more == NULL || id == NULL) {
			free(id);
			err = -ENOMEM;
			break;
		}
		more[(*ret_count)++] = id;
	}
	(void)sqlite3_finalize(st);
	return err < 0 ? err : db_error(r->sql, rc);
}

static int each_id(struct reader *r, const char *sql, void (*each)(void *user, const char *run_id),
	void *user) {
	char **ids = NULL;
	size_t count = 0;
	int err = collect_ids(r, sql, &ids, &count);
	for (size_t i = 0; i < count; i++) {
		if (err == 0) {
			each(user, ids[i]);
		}
		free(ids[i]);
	}
	free(ids);
	return err;
}

int reader_each_open_run(
	struct reader *r, void (*each)(void *user, const char *run_id), void *user) {
	return each_id(r,
		"SELECT id FROM runs_data WHERE state IN ('running', 'stalled') OR "
		"(state = 'crashed' AND last_seen > unixepoch() - " CRASHED_LATELY ") "
		"ORDER BY last_seen",
		each, user);
}

/* Of a run that crashed W&B is not told the end; it may go on. */
int reader_each_forward(
	struct reader *r, void (*each)(void *user, const char *run_id), void *user) {
	return each_id(r,
		"SELECT r.id FROM forwards_data f JOIN runs_data r ON r.n = f.run "
		"WHERE f.lines > f.accepted OR (f.completed = 0 AND r.state <> 'crashed') "
		"ORDER BY r.n",
		each, user);
}
