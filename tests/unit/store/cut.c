#include "cut.h"

#include <ftw.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define START 1700000000.0

struct run_cut *cut_create(const char *run_id, uint64_t applied) {
	struct run_cut *cut = calloc(1, sizeof *cut);
	assert_non_null(cut);
	changes_init(&cut->changes);
	snprintf(cut->run_id, sizeof cut->run_id, "%s", run_id);
	cut->row = (struct run_row){
		.id = cut->run_id,
		.name = "a run",
		.project = "tests",
		.user = "joe",
		.uid = 1000,
		.profile = "prisma",
		.architecture = "standard",
		.state = "running",
		.attempt = 1,
		.world_size = 1,
		.wandb_log_frequency = 10,
		.feature_sampling_window = 100,
		.dead_feature_window = 300,
		.step = STEP_NONE,
		.started = START,
		.last_seen = START,
		.messages = applied,
	};
	cut->n_streams = 1;
	cut->streams = changes_alloc(&cut->changes, sizeof *cut->streams);
	*cut->streams = (struct stream_row){.launch = "launch", .pid = 42, .applied = applied};
	memcpy(cut->streams->id, "0123456789abcdef", STREAM_ID_SIZE);
	cut->small = changes_alloc(&cut->changes, 32);
	cut->small_len =
		(size_t)snprintf((char *)cut->small, 32, "small %llu", (unsigned long long)applied);
	return cut;
}

void cut_set_hot(struct run_cut *cut, uint32_t d_sae, uint32_t seed) {
	cut->d_sae = cut->row.d_sae = d_sae;
	cut->arrays_changed = true;
	cut->window = malloc(d_sae * sizeof *cut->window);
	cut->last = malloc(d_sae * sizeof *cut->last);
	for (uint32_t i = 0; i < d_sae; i++) {
		cut->window[i] = seed + i;
		cut->last[i] = seed * 3 + i;
	}
}

void cut_set_base(struct run_cut *cut, uint32_t d_sae, uint64_t seed) {
	cut->d_sae = cut->row.d_sae = d_sae;
	cut->base_changed = true;
	cut->base = malloc(d_sae * sizeof *cut->base);
	for (uint32_t i = 0; i < d_sae; i++) {
		cut->base[i] = seed * 1000 + i;
	}
}

struct change_step *cut_step(struct run_cut *cut, uint32_t step) {
	struct change_step *s = &changes_append(&cut->changes, CHANGE_STEP)->step;
	s->attempt = cut->row.attempt;
	s->step = cut->row.step = step;
	s->time = cut->row.last_seen = START + step * 0.1;
	s->elapsed_s = step * 0.1;
	s->n_rows = 4096;
	return s;
}

void step_measure(struct change_step *s, enum metric metric, double value, bool computed) {
	s->measures.present |= 1ull << metric;
	s->measures.computed |= (uint64_t)computed << metric;
	s->measures.value[metric] = value;
}

struct change_line *cut_line(struct run_cut *cut, int64_t line, uint32_t step, uint32_t n_entries) {
	struct change_line *l = &changes_append(&cut->changes, CHANGE_LINE)->line;
	l->attempt = cut->row.attempt;
	l->line = line;
	l->step = step;
	l->time = START + step * 0.1;
	l->elapsed_s = step * 0.1;
	l->n_entries = n_entries;
	l->entries = changes_alloc(&cut->changes, n_entries * sizeof *l->entries);
	memset(l->entries, 0, n_entries * sizeof *l->entries);
	return l;
}

struct value value_float(double number) {
	return (struct value){.kind = VALUE_FLOAT, .number = number};
}

struct value value_int(int64_t integer) {
	return (struct value){.kind = VALUE_INT, .integer = integer};
}

struct value value_text(const char *text) {
	return (struct value){.kind = VALUE_TEXT, .text = text_of(text, strlen(text))};
}

struct change_window *cut_window(struct run_cut *cut, uint32_t window, uint32_t flaws) {
	struct change_window *w = &changes_append(&cut->changes, CHANGE_WINDOW)->window;
	w->attempt = cut->row.attempt;
	w->window = window;
	w->step_first = window * 100;
	w->step_last = window * 100 + 98;
	w->step_close = window * 100 + 99;
	w->time = START;
	w->n_steps = w->n_steps_expected = 100;
	w->flaws = flaws;
	w->dead_features = 7 + window;
	w->dead_10m_tokens = 4 + window;
	struct density_summary *d = &w->density;
	d->d_sae = 64;
	d->n_rows = 409600;
	d->mean_log10 = -3.5;
	d->below_1e_5 = 5;
	d->below_1e_6 = 3;
	d->never_fired = 2;
	d->n_thresholds = 1;
	d->thresholds[0] = 0.001;
	d->below[0] = 11;
	d->n_quantile_features = 62;
	for (uint32_t i = 0; i < DENSITY_QUANTILES; i++) {
		d->quantiles[i] = -5.0 + i;
	}
	d->has_wandb = true;
	for (uint32_t i = 0; i <= WANDB_BINS; i++) {
		d->wandb_edges[i] = -6.6f + (float)i * 0.1f;
	}
	d->wandb_counts[0] = 64;
	d->fixed_counts[199] = 62;
	return w;
}

void cut_event(struct run_cut *cut, const char *kind, const char *text) {
	struct change_event *e = &changes_append(&cut->changes, CHANGE_EVENT)->event;
	*e = (struct change_event){.attempt = ATTEMPT_NONE,
		.step = STEP_NONE,
		.time = START,
		.kind = kind,
		.text = text};
}

void cut_attempt(struct run_cut *cut, uint32_t attempt, uint32_t step_first) {
	struct change_attempt *a = &changes_append(&cut->changes, CHANGE_ATTEMPT)->attempt;
	*a = (struct change_attempt){
		.attempt = attempt,
		.launch = "launch",
		.step_first = step_first,
		.time = START,
		.restored_from = attempt == 1 ? "start" : "none",
	};
	cut->row.attempt = attempt;
}

void cut_mark(struct run_cut *cut, uint32_t step, const char *state) {
	struct change_mark *m = &changes_append(&cut->changes, CHANGE_MARK)->mark;
	m->attempt = cut->row.attempt;
	m->step = step;
	m->time = START;
	m->text = "checkpoint";
	m->state_len = strlen(state);
	m->state = changes_alloc(&cut->changes, m->state_len + 1);
	memcpy(m->state, state, m->state_len);
}

/* ---- files ---- */

static char place[64];

void place_create(void) {
	snprintf(place, sizeof place, "/tmp/sae-metricsd-test-XXXXXX");
	assert_non_null(mkdtemp(place));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void place_remove(void) {
	(void)nftw(place, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *path_of(const char *name) {
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", place, name);
	return path;
}

bool exists(const char *path) {
	return access(path, F_OK) == 0;
}

void spoil(const char *path, long at) {
	FILE *f = fopen(path, "r+");
	assert_non_null(f);
	assert_int_equal(fseek(f, at, at < 0 ? SEEK_END : SEEK_SET), 0);
	int byte = fgetc(f);
	assert_int_equal(fseek(f, -1, SEEK_CUR), 0);
	fputc(byte ^ 0x5a, f);
	fclose(f);
}

/* ---- SQL, as a stranger would ask it ---- */

static sqlite3 *stranger_open(const char *database) {
	sqlite3 *sql = NULL;
	assert_int_equal(sqlite3_open(database, &sql), SQLITE_OK);
	(void)sqlite3_busy_timeout(sql, 5000);
	return sql;
}

const char *sql_text(const char *database, const char *sql) {
	static char texts[4][4096];
	static unsigned next;
	char *text = texts[next++ % 4];
	sqlite3 *db = stranger_open(database);
	sqlite3_stmt *st = NULL;
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK) {
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	}
	int rc = sqlite3_step(st);
	const char *value = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : "no row";
	snprintf(text, sizeof texts[0], "%s", value == NULL ? "NULL" : value);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return text;
}

void sql_run(const char *database, const char *sql) {
	sqlite3 *db = stranger_open(database);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	}
	sqlite3_close(db);
}
