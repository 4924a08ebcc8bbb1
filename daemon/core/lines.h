/* The open lines of a run: what is logged at one step gathers here until nothing more can come.
 *
 * Each row of the core and each LOG is one *part*. The order in which parts count is fixed (core rows
 * as the profile has them, then LOGs by rank and seq; later keys win), so a line does not depend on
 * when they arrived. */
#pragma once

#include "changes.h"
#include "pack.h"
#include "place.h"
#include "summary.h"

#define LINES_OPEN_MAX  256u
#define LINES_BYTES_MAX (1u << 20) /* they are saved with every commit */

#define LINE_ORDER_LOG UINT32_MAX

struct line_part {
	struct line_part *next; /* open_line.parts, in the order they count */
	enum line_source source;
	uint32_t order; /* core rows: place among the rows of their step; else LINE_ORDER_LOG */
	uint32_t rank;  /* LINE_LOG: whose */
	uint64_t seq;
	double time, elapsed_s;
	size_t size;
	uint32_t n_entries;
	struct line_entry entries[]; /* texts and arrays stand behind them */
};

/* A part with room for so many entries, and for `room` bytes of texts and doubles behind them. */
struct line_part *line_part_create(
	enum line_source source, uint32_t order, uint32_t n_entries, size_t room);
/* Copies a LOG. */
struct line_part *line_part_of_log(const struct msg_log *log, uint32_t rank);

struct open_line;

struct lines {
	struct open_line *first; /* by lap and step */
	uint32_t count;
	size_t bytes;
	int64_t next_ordinal;
	int64_t closed_through; /* lines of these steps of this lap are closed; -1: none */
	int64_t logged_through; /* the newest step of a closed line, whatever lap and launch; -1: none */
};

void lines_init(struct lines *l);
void lines_finish(struct lines *l);

/* Whether a LOG of `size` bytes may open or join the line of a step. */
bool lines_have_room(const struct lines *l, struct place place, size_t size);

/* Takes the part. 0 or -ENOMEM (the part is freed). */
int lines_add(struct lines *l, struct place place, struct line_part *part);

/* The lowest open line's step; false when no line is open. */
bool lines_lowest(const struct lines *l, struct place *ret);

/* The highest one's. */
bool lines_highest(const struct lines *l, struct place *ret);

/* The newest step that was ever logged for, open lines included; -1: none. */
int64_t lines_newest_step(const struct lines *l);

/* Closes the lowest line: its parts merged into a change, their values into the summary.
 * 0 or -ENOMEM. */
int lines_close_lowest(
	struct lines *l, uint32_t attempt, struct changes *changes, struct summary *summary);

/* A part that came for a closed line: a change of its own, LINE_NONE. Takes the part. 0 or -ENOMEM. */
int line_part_emit_loose(
	struct line_part *part, uint32_t step, uint32_t attempt, struct changes *changes);

void lines_pack(const struct lines *l, struct packer *p);
void lines_unpack(struct lines *l, struct unpacker *u);
