/* Cuts made by hand, and a place for databases. */
#pragma once

#include <sqlite3.h>

#include "registry.h"

/* Of a running run: attempt 1, d_sae 0, one stream that has applied `applied`. */
struct run_cut *cut_create(const char *run_id, uint64_t applied);
/* Arrays whose every value depends on `seed`. */
void cut_set_hot(struct run_cut *cut, uint32_t d_sae, uint32_t seed);
void cut_set_base(struct run_cut *cut, uint32_t d_sae, uint64_t seed);

struct change_step *cut_step(struct run_cut *cut, uint32_t step);
void step_measure(struct change_step *s, enum metric metric, double value, bool computed);

struct change_line *cut_line(struct run_cut *cut, int64_t line, uint32_t step, uint32_t n_entries);
struct value value_float(double number);
struct value value_int(int64_t integer);
struct value value_text(const char *text);

struct change_window *cut_window(struct run_cut *cut, uint32_t window, uint32_t flaws);
void cut_event(struct run_cut *cut, const char *kind, const char *text);
void cut_attempt(struct run_cut *cut, uint32_t attempt, uint32_t step_first);
void cut_mark(struct run_cut *cut, uint32_t step, const char *state);

/* A directory under /tmp for one test; path_of gives a path inside it, valid until the next call
 * but three. */
void place_create(void);
void place_remove(void);
const char *path_of(const char *name);
bool exists(const char *path);
/* Overwrites a byte of a file, from its end when `at` is negative. */
void spoil(const char *path, long at);

/* The first column of the first row as text, "NULL", or "no row"; valid until the next call but three. */
const char *sql_text(const char *database, const char *sql);
void sql_run(const char *database, const char *sql);
