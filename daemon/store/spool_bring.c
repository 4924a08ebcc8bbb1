#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "jsontext.h"
#include "kept_run.h"
#include "spool_private.h"
#include "wandb_line.h"

int spool_bring_cursor(struct db *db, int64_t run, struct forward_cursor *c) {
	sqlite3_stmt *st = NULL;
	struct forward_cursor fresh = {0};
	int err = spool_prepare(db->sql,
		"SELECT base, base_db, accepted, accepted_step, accepted_time, skipped, refused, "
		"completed, storage_id, entity, project, display_name, url, parked, floor, "
		"own_key, "
		"told FROM forwards_data WHERE run = ?1",
		run, &st);
	int rc = err == 0 ? sqlite3_step(st) : SQLITE_DONE;
	if (rc == SQLITE_ROW) {
		const void *base_db = sqlite3_column_blob(st, 1);
		fresh.has_base = base_db != NULL && sqlite3_column_bytes(st, 1) == sizeof db->id &&
				 memcmp(base_db, db->id, sizeof db->id) == 0;
		memcpy(fresh.db_id, db->id, sizeof db->id);
		fresh.base = sqlite3_column_int64(st, 0);
		fresh.accepted = sqlite3_column_int64(st, 2);
		fresh.has_step = sqlite3_column_type(st, 3) != SQLITE_NULL;
		fresh.step = (uint32_t)sqlite3_column_int64(st, 3);
		fresh.time = sqlite3_column_double(st, 4);
		fresh.skipped = sqlite3_column_int64(st, 5);
		fresh.refused = sqlite3_column_int64(st, 6);
		fresh.completed = sqlite3_column_int(st, 7);
		fresh.storage_id = spool_take_text(st, 8, &err);
		fresh.entity = spool_take_text(st, 9, &err);
		fresh.project = spool_take_text(st, 10, &err);
		fresh.display_name = spool_take_text(st, 11, &err);
		fresh.url = spool_take_text(st, 12, &err);
		fresh.parked = spool_take_text(st, 13, &err);
		fresh.own_key = sqlite3_column_int(st, 15);
		fresh.told = (uint32_t)sqlite3_column_int64(st, 16);
		fresh.floor = fresh.has_base ? sqlite3_column_int64(st, 14) : -1;
	} else if (err == 0) {
		err = rc == SQLITE_DONE ? -ENOENT : db_error(db->sql, rc);
	}
	(void)sqlite3_finalize(st);
	if (err < 0) {
		forward_cursor_finish(&fresh);
		return err;
	}
	forward_cursor_finish(c);
	*c = fresh;
	return 0;
}

static bool is_end(const char *state) {
	static const char *const ends[] = {"finished", "failed", "preempted", "stopped"};
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		if (strcmp(state, ends[i]) == 0) {
			return true;
		}
	}
	return false;
}

static int write_newest(sqlite3_stmt *st, struct buf *out) {
	int err = buf_printf(
		out, "\"_step\":%lld,\"_timestamp\":", (long long)sqlite3_column_int64(st, 7));
	err = err < 0 ? err : json_write_bare_number(out, sqlite3_column_double(st, 8));
	return err < 0 ? err : buf_append(out, ",", 1);
}

/* As of the newest line, W&B's own keys included. */
static int write_summary(sqlite3_stmt *st, bool ended, struct buf *out) {
	const char *object = (const char *)sqlite3_column_text(st, 5);
	size_t len = (size_t)sqlite3_column_bytes(st, 5);
	if (object == NULL || len < 2) {
		return 0;
	}
	struct wandb_span span = {
		.started = sqlite3_column_double(st, 10),
		.ended = ended ? sqlite3_column_double(st, 2) : 0,
		.has_line = sqlite3_column_type(st, 7) != SQLITE_NULL,
		.time = sqlite3_column_double(st, 8),
		.elapsed_s = sqlite3_column_double(st, 9),
	};
	double span_s = wandb_span_s(&span);
	int err = buf_append(out, object, len - 1); /* without its end */
	err = err < 0 || len == 2 ? err : buf_append(out, ",", 1);
	err = err < 0 || !span.has_line ? err : write_newest(st, out);
	err = err < 0 ? err : buf_printf(out, "\"_runtime\":");
	err = err < 0 ? err : json_write_bare_number(out, span_s);
	return err < 0 ? err : buf_printf(out, ",\"_wandb\":{\"runtime\":%.0f}}", floor(span_s));
}

static int bring_summary(sqlite3_stmt *st, struct forward_visit *v) {
	struct buf json = {0};
	int err = write_summary(st, v->ended, &json);
	free(v->summary);
	v->summary = NULL;
	if (err == 0 && json.len > 0) {
		v->summary = strndup((const char *)json.data, json.len);
		err = v->summary == NULL ? -ENOMEM : 0;
	}
	buf_finish(&json);
	return err;
}

static int bring_run(struct db *db, int64_t run, struct forward_visit *v) {
	sqlite3_stmt *st = NULL;
	int err = spool_prepare(db->sql,
		"SELECT f.lines, r.state, r.ended, r.exit_code, r.uid, f.summary, "
		"(SELECT l.time FROM forward_lines_data l WHERE l.run = ?1 AND l.line >= "
		"f.accepted ORDER BY l.line LIMIT 1), f.step, f.time, f.elapsed_s, r.started "
		"FROM forwards_data f JOIN runs_data r ON r.n = f.run WHERE f.run = ?1",
		run, &st);
	int rc = err == 0 ? sqlite3_step(st) : SQLITE_DONE;
	if (rc == SQLITE_ROW) {
		const char *state = (const char *)sqlite3_column_text(st, 1);
		v->lines = sqlite3_column_int64(st, 0);
		v->ended =
			state != NULL && is_end(state) && sqlite3_column_type(st, 2) != SQLITE_NULL;
		v->silent = state != NULL && strcmp(state, "crashed") == 0;
		v->exit_code = sqlite3_column_int(st, 3);
		v->uid = (uint32_t)sqlite3_column_int64(st, 4);
		v->oldest_time = sqlite3_column_double(st, 6);
		if (v->want_summary) {
			err = bring_summary(st, v);
		}
	} else if (err == 0) {
		err = rc == SQLITE_DONE ? -ENOENT : db_error(db->sql, rc);
	}
	(void)sqlite3_finalize(st);
	return err;
}

/* Whether the batch, which begins at `begin`, has room for it; as one more JSON text. */
static int take_line(sqlite3_stmt *st, struct forward_visit *v, size_t begin, bool *ret_taken) {
	const char *json = (const char *)sqlite3_column_text(st, 3);
	size_t len = (size_t)sqlite3_column_bytes(st, 3);
	*ret_taken =
		json != NULL && (v->n_lines == 0 || v->content.len - begin + len <= v->bytes_max);
	if (!*ret_taken) {
		return json == NULL ? -ENOMEM : 0;
	}
	int err = v->n_lines > 0 ? buf_append(&v->content, ",", 1) : 0;
	err = err < 0 ? err : json_write_text(&v->content, text_of(json, len));
	if (err == 0) {
		v->last.step = (uint32_t)sqlite3_column_int64(st, 1);
		v->last.time = sqlite3_column_double(st, 2);
		v->n_lines++;
	}
	return err;
}

static int bring_lines(struct db *db, int64_t run, struct forward_visit *v) {
	sqlite3_stmt *st = NULL;
	int err = spool_prepare(db->sql,
		"SELECT line, step, time, json FROM forward_lines_data WHERE run = ?1 "
		"AND line >= ?2 ORDER BY line LIMIT ?3",
		run, &st);
	if (err == 0) {
		(void)sqlite3_bind_int64(st, 2, v->cursor.accepted);
		(void)sqlite3_bind_int64(st, 3, v->lines_max);
	}
	size_t begin = v->content.len;
	v->n_lines = 0;
	v->first = v->cursor.accepted;
	for (bool taken = true; err == 0 && taken;) {
		int rc = sqlite3_step(st);
		if (rc != SQLITE_ROW) {
			err = db_error(db->sql, rc);
			break;
		}
		if (sqlite3_column_int64(st, 0) != v->first + v->n_lines) {
			err = -ENODATA;
			break;
		}
		err = take_line(st, v, begin, &taken);
	}
	(void)sqlite3_finalize(st);
	return err;
}

/* All of a run's lines are read for it: seldom, and only where W&B's newest is not the one it should be. */
static int find_line(struct db *db, int64_t run, const struct forward_line *line, bool *ret_found) {
	sqlite3_stmt *st = NULL;
	int err = spool_prepare(db->sql,
		"SELECT 1 FROM lines_data WHERE run = ?1 AND step = ?2 AND abs(time - ?3) <= ?4",
		run, &st);
	if (err == 0) {
		(void)sqlite3_bind_int64(st, 2, line->step);
		(void)sqlite3_bind_double(st, 3, line->time);
		(void)sqlite3_bind_double(st, 4, FORWARD_TIME_SLACK_S);
		int rc = sqlite3_step(st);
		*ret_found = rc == SQLITE_ROW;
		err = *ret_found ? 0 : db_error(db->sql, rc);
	}
	(void)sqlite3_finalize(st);
	return err;
}

int spool_bring(struct db *db, int64_t run, struct forward_visit *v) {
	int err = bring_run(db, run, v);
	if (err == 0 && v->want_about) {
		err = kept_run_about(db->sql, run, &v->about);
	}
	if (err == 0 && v->lines_max > 0 && v->cursor.has_base) {
		err = bring_lines(db, run, v);
	}
	if (err == 0 && v->look_at >= 0) {
		double elapsed_s;
		err = spool_read_line(db, run, v->look_at, &v->looked, &elapsed_s, &v->has_looked);
		err = err < 0 ? err : find_line(db, run, &v->expected, &v->knows_expected);
	}
	return err;
}
