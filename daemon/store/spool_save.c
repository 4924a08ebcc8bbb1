#include <errno.h>
#include <string.h>

#include "clock.h"
#include "spool_private.h"
#include "wandb_line.h"

static int save_cursor(struct db *db, int64_t run, const struct forward_cursor *c) {
	sqlite3_stmt *st = NULL;
	int err = spool_prepare(db->sql,
		"UPDATE forwards_data SET base = ?2, base_db = ?3, accepted = ?4, "
		"accepted_step = ?5, accepted_time = ?6, skipped = ?7, refused = ?8, "
		"completed = ?9, storage_id = ?10, entity = ?11, project = ?12, "
		"display_name = ?13, url = ?14, parked = ?15, floor = ?16, own_key = ?17, "
		"told = ?18 WHERE run = ?1",
		run, &st);
	if (err == 0) {
		if (c->has_base) {
			(void)sqlite3_bind_int64(st, 2, c->base);
			(void)sqlite3_bind_blob(st, 3, db->id, sizeof db->id, SQLITE_STATIC);
		}
		(void)sqlite3_bind_int64(st, 4, c->accepted);
		if (c->has_step) {
			(void)sqlite3_bind_int64(st, 5, c->step);
			(void)sqlite3_bind_double(st, 6, c->time);
		}
		(void)sqlite3_bind_int64(st, 7, c->skipped);
		(void)sqlite3_bind_int64(st, 8, c->refused);
		(void)sqlite3_bind_int(st, 9, c->completed);
		spool_bind_text(st, 10, c->storage_id);
		spool_bind_text(st, 11, c->entity);
		spool_bind_text(st, 12, c->project);
		spool_bind_text(st, 13, c->display_name);
		spool_bind_text(st, 14, c->url);
		spool_bind_text(st, 15, c->parked);
		(void)sqlite3_bind_int64(st, 16, c->floor);
		(void)sqlite3_bind_int(st, 17, c->own_key);
		(void)sqlite3_bind_int64(st, 18, c->told);
	}
	return spool_run(db->sql, st, err);
}

static int drop_accepted(struct db *db, int64_t run, int64_t accepted) {
	sqlite3_stmt *st = NULL;
	int err = spool_prepare(
		db->sql, "DELETE FROM forward_lines_data WHERE run = ?1 AND line < ?2", run, &st);
	if (err == 0) {
		(void)sqlite3_bind_int64(st, 2, accepted);
	}
	return spool_run(db->sql, st, err);
}

/* How many lines from `accepted` on are of steps the server has: all before the first of a later one. A long
 * backlog is not walked through to learn that none is. */
static int count_passed(struct db *db, int64_t run, const struct forward_cursor *c, int64_t *ret) {
	sqlite3_stmt *st = NULL;
	int err = spool_prepare(db->sql,
		"SELECT coalesce((SELECT line FROM forward_lines_data WHERE run = ?1 AND line >= "
		"?2 "
		"AND step > ?3 ORDER BY line LIMIT 1), (SELECT max(line) + 1 FROM "
		"forward_lines_data "
		"WHERE run = ?1 AND line >= ?2), ?2) - ?2",
		run, &st);
	if (err == 0) {
		(void)sqlite3_bind_int64(st, 2, c->accepted);
		(void)sqlite3_bind_int64(st, 3, c->floor);
		int rc = sqlite3_step(st);
		*ret = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
		err = rc == SQLITE_ROW ? 0 : db_error(db->sql, rc);
	}
	(void)sqlite3_finalize(st);
	return err;
}

/* Steps grow with the ordinal, so those the server has are the first ones, and the line that follows has the number
 * it would have had. */
static int pass_over(struct db *db, int64_t run, struct forward_cursor *c) {
	int64_t passed = 0;
	int err = count_passed(db, run, c, &passed);
	if (err == 0) {
		c->accepted += passed;
		c->skipped += passed;
		c->base -= passed;
	}
	return err;
}

static int fix_base(struct db *db, int64_t run, struct forward_visit *v) {
	struct forward_cursor *c = &v->cursor;
	c->base = v->server_lines - c->accepted;
	c->floor = v->server_step;
	c->has_base = true;
	c->has_step = false;
	return pass_over(db, run, c);
}

/* The line goes where it can be seen, and a stand-in keeps its number. */
static int set_aside(struct db *db, int64_t run, const struct forward_visit *v) {
	sqlite3_stmt *st = NULL;
	int err = spool_prepare(db->sql,
		"INSERT INTO refused_lines_data SELECT run, line, step, ?3, ?4, ?5, json "
		"FROM forward_lines_data WHERE run = ?1 AND line = ?2 ON CONFLICT DO NOTHING",
		run, &st);
	if (err == 0) {
		(void)sqlite3_bind_int64(st, 2, v->refuse);
		(void)sqlite3_bind_double(st, 3, clock_wall());
		(void)sqlite3_bind_int(st, 4, v->refuse_status);
		spool_bind_text(st, 5, v->refuse_words);
	}
	return spool_run(db->sql, st, err);
}

static int put_stand_in(struct db *db, int64_t run, int64_t line) {
	struct forward_line at;
	double elapsed_s = 0;
	bool found = false;
	int err = spool_read_line(db, run, line, &at, &elapsed_s, &found);
	if (err < 0 || !found) {
		return err < 0 ? err : -ENOENT;
	}
	struct buf json = {0};
	sqlite3_stmt *st = NULL;
	err = wandb_line_write_empty(&json, at.step, at.time, elapsed_s);
	if (err == 0) {
		err = spool_prepare(db->sql,
			"UPDATE forward_lines_data SET json = ?3 WHERE run = ?1 AND line = ?2", run,
			&st);
	}
	if (err == 0) {
		(void)sqlite3_bind_int64(st, 2, line);
		(void)sqlite3_bind_text64(
			st, 3, (const char *)json.data, json.len, SQLITE_STATIC, SQLITE_UTF8);
	}
	err = spool_run(db->sql, st, err);
	buf_finish(&json);
	return err;
}

static int refuse_line(struct db *db, int64_t run, struct forward_visit *v) {
	int err = set_aside(db, run, v);
	v->cursor.refused += err == 0 ? sqlite3_changes(db->sql) : 0; /* a stand-in is none */
	if (err == 0) {
		err = put_stand_in(db, run, v->refuse);
	}
	return err;
}

int spool_save(struct db *db, int64_t run, struct forward_visit *v) {
	int err = 0;
	if (v->save == FORWARD_SAVE_BASE) {
		err = fix_base(db, run, v);
	}
	if (err == 0 && v->refuse >= 0) {
		err = refuse_line(db, run, v);
	}
	if (err == 0) {
		err = save_cursor(db, run, &v->cursor);
	}
	if (err == 0) {
		err = drop_accepted(db, run, v->cursor.accepted);
	}
	if (err == 0 && v->event[0] != '\0') {
		err = db_error(db->sql,
			writer_put_event(&db->writer, run, clock_wall(), "forward", v->event));
	}
	return err;
}

int spool_pass_over(struct db *db, int64_t run, struct forward_visit *v) {
	struct forward_cursor *c = &v->cursor;
	int64_t accepted = c->accepted;
	int err = c->has_base && c->floor >= 0 ? pass_over(db, run, c) : 0;
	if (err < 0 || c->accepted == accepted) {
		return err;
	}
	err = save_cursor(db, run, c);
	return err < 0 ? err : drop_accepted(db, run, c->accepted);
}
