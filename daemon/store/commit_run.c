/* What one run brings into the transaction at hand. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "checksum.h"
#include "clock.h"
#include "commit_private.h"
#include "hash.h"

enum {
	ROW_BLAMED = 1 /* beside 0 and -errno */
};

static int judge(struct committer *c, int rc) {
	return db_blames_row(rc) ? ROW_BLAMED : db_error(c->db->sql, rc);
}

static int put_mark(struct committer *c, struct known_run *run, const struct change_mark *mark) {
	int64_t n = run->next.mark_last + 1;
	int err = slots_write_mark(c->slots, run->id, n, mark->state, mark->state_len);
	if (err < 0) {
		return commit_slot_failed(c, err);
	}
	run->next.mark_last = n;
	if (run->next.mark_first <= n - MARKS_KEPT) {
		run->next.mark_first = n - MARKS_KEPT + 1;
	}
	return judge(
		c, writer_put_mark(&c->db->writer, run->next.n, n, mark,
			   checksum(mark->state, mark->state_len, 0), run->next.mark_first - 1));
}

/* An attempt contributes only what lies behind every step that has a line already. */
static int put_forward_line(struct committer *c, struct known_run *run, const struct run_row *row,
	const struct change_line *line) {
	struct names *names = &run->next;
	bool put = false;
	if (!row->forwards || line->line == LINE_NONE || line->step <= names->forward_step) {
		return 0;
	}
	int err = judge(c, writer_put_forward_line(&c->db->writer, names->n, names->forward_lines,
				   line, row->forwards_ours, &put));
	if (err == 0 && put) {
		names->forward_lines++;
		names->forward_step = line->step;
	}
	return err;
}

/* The summary is as of the newest line, so they are written together. */
static int put_forward(struct committer *c, struct known_run *run, const struct run_cut *cut,
	const struct change_line *last) {
	struct names *names = &run->next;
	const char *summary = cut->row.forward_summary_json;
	if (!cut->row.forwards || summary == NULL) {
		return 0;
	}
	uint32_t hash = hash_text(summary) | 1;
	if (names->forwards && last == NULL && hash == names->forward_summary) {
		return 0;
	}
	names->forwards = true;
	names->forward_summary = hash;
	return judge(c, writer_put_forward(&c->db->writer, names->n, names->forward_lines, last,
				summary, cut->row.forwards_own_key));
}

static int put_changes(struct committer *c, struct known_run *run, const struct run_cut *cut) {
	const struct change_line *last = NULL;
	int err = 0;
	for (const struct change *ch = cut->changes.first; err == 0 && ch != NULL; ch = ch->next) {
		int64_t forwarded = run->next.forward_lines;
		err = ch->kind == CHANGE_MARK
			      ? put_mark(c, run, &ch->mark)
			      : judge(c, writer_put_change(&c->db->writer, run->next.n, ch));
		if (err == 0 && ch->kind == CHANGE_LINE) {
			err = put_forward_line(c, run, &cut->row, &ch->line);
		}
		last = run->next.forward_lines > forwarded ? &ch->line : last;
	}
	return err == 0 ? put_forward(c, run, cut, last) : err;
}

static int put_cut(struct committer *c, struct known_run *run, const struct run_cut *cut) {
	struct writer *writer = &c->db->writer;
	int err = judge(c, writer_put_run(writer, &cut->row, &run->next.n));
	for (uint32_t i = 0; err == 0 && i < cut->n_streams; i++) {
		err = judge(c, writer_put_stream(writer, run->next.n, &cut->streams[i]));
	}
	if (err == 0) {
		err = put_changes(c, run, cut);
	}
	if (err != 0) {
		return err;
	}
	return judge(c, writer_put_state(writer, run->next.n,
				&(struct state_row){
					.small = cut->small,
					.small_len = cut->small_len,
					.d_sae = cut->d_sae,
					.hot = run->next.hot,
					.base = run->next.base,
				}));
}

/* Of the windows that closed in several cuts one is kept, as in one cut. */
static int put_features(struct committer *c, struct known_run *run) {
	const struct run_cut *kept = NULL;
	int64_t since = 0;
	for (const struct run_cut *cut = run->cuts; cut != NULL; cut = cut->next) {
		const struct closed_window *closed = cut->closed;
		bool is_kept =
			closed != NULL && (kept == NULL || closed_window_yields(kept->closed,
								   closed->attempt, closed->flaws));
		if (is_kept && (kept == NULL || kept->closed->attempt != closed->attempt)) {
			since = closed->since;
		}
		kept = is_kept ? cut : kept;
	}
	return kept == NULL ? 0
			    : judge(c, writer_put_feature_counts(&c->db->writer, run->next.n,
					       kept->closed, since, kept->base));
}

/* Undoes the run's part of the transaction and says so where users look. */
static int reject(struct committer *c, struct known_run *run) {
	char *why = NULL;
	if (asprintf(&why,
		    "its rows collide with what is stored (%s); nothing more of this run is "
		    "stored until the daemon is started again",
		    sqlite3_errmsg(c->db->sql)) < 0) {
		return -ENOMEM;
	}
	free(run->why);
	run->why = why;
	run->next = run->now;
	run->next.rejected = true;
	commit_forget_news(run);

	struct writer *writer = &c->db->writer;
	int rc = writer_run(writer, STATEMENT_ROLLBACK_TO);
	if (rc == SQLITE_OK && run->now.n != 0) {
		rc = writer_stop_run(writer, run->now.n);
	}
	if (rc == SQLITE_OK) {
		rc = writer_put_event(writer, run->now.n, clock_wall(), "rejected", why);
	}
	return db_error(c->db->sql, rc);
}

/* The run's last cut, and the last window in all of them that closed without a flaw; NULL: none did. */
static const struct change_window *last_window(
	const struct known_run *run, struct run_cut **ret_last) {
	const struct change_window *window = NULL;
	for (struct run_cut *cut = run->cuts; cut != NULL; cut = cut->next) {
		*ret_last = cut;
		for (const struct change *ch = cut->changes.first; ch != NULL; ch = ch->next) {
			bool counts = ch->kind == CHANGE_WINDOW && ch->window.flaws == 0;
			window = counts ? &ch->window : window;
		}
	}
	return window;
}

static int put_rows(struct committer *c, struct known_run *run) {
	int err = 0;
	for (const struct run_cut *cut = run->cuts; err == 0 && cut != NULL; cut = cut->next) {
		err = put_cut(c, run, cut);
	}
	return err == 0 ? put_features(c, run) : err;
}

/* The same, and what of it is new on the front of the run's project. */
static int put_rows_and_look(struct committer *c, struct known_run *run) {
	struct run_cut *last = NULL;
	const struct change_window *window = c->front.is_on ? last_window(run, &last) : NULL;
	struct front_look front = {0};
	if (window == NULL) {
		return put_rows(c, run);
	}
	int err = judge(c, front_look_begin(&front, c->db->sql, &c->front, &last->row));
	err = err == 0 ? put_rows(c, run) : err;
	if (err == 0) {
		err = judge(c, front_look_end(&front, &c->db->writer, run->next.n, &last->row,
				       window->time, &last->front_news));
	}
	front_look_finish(&front);
	return err;
}

int commit_run(struct committer *c, struct known_run *run) {
	struct writer *writer = &c->db->writer;
	int err = db_error(c->db->sql, writer_run(writer, STATEMENT_SAVEPOINT));
	err = err == 0 ? put_rows_and_look(c, run) : err;
	if (err == ROW_BLAMED) {
		err = reject(c, run);
	}
	return err < 0 ? err : db_error(c->db->sql, writer_run(writer, STATEMENT_RELEASE));
}
