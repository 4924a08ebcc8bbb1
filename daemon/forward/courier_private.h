/* Inside of the courier: for courier*.c alone. */
#pragma once

#include "courier.h"
#include "retry.h"

#define COURIER_LINES_MAX      100000
#define COURIER_VISIT_AGAIN_MS 5000u
#define NS_PER_MS              1000000ull

/* ---- courier.c: what is next ---- */

void courier_drop_lines(struct courier *c);
/* W&B is told and asked anew before anything is sent. */
void courier_begin_talk(struct courier *c);
/* What was asked for while it was busy. */
void courier_resume_if_wanted(struct courier *c);
bool courier_summary_is_new(const struct courier *c);
bool courier_is_all_sent(const struct courier *c);
/* Nobody kept the run alive for so long that another host may have gone on with it … */
bool courier_was_silent(const struct courier *c, uint64_t now_ns);
/* … and whose it is is to be asked before anything of it is sent. Who asked and waits for his turn, behind other runs, knows. */
bool courier_is_stale(const struct courier *c, uint64_t now_ns);
/* If not yet, *when_ns is no later than when. */
bool courier_needs_upsert(const struct courier *c, uint64_t now_ns, uint64_t *when_ns);
bool courier_is_due(uint64_t due_ns, uint64_t now_ns, uint64_t *when_ns);
/* When lines are looked for next: what nobody waits for goes in few requests. */
uint64_t courier_transmit_ns(const struct courier *c);

/* ---- courier_answer.c: what an answer means whatever was asked ---- */

struct courier_answer {
	enum courier_want asked;
	const struct http_response *response;
	enum verdict verdict;
	uint64_t now_ns;
	double now_s, chance;
	char words[FORWARD_SAID_MAX]; /* W&B's own, or the network's */
};

/* Nothing more is sent until somebody says so; kept in the database. The words say what helps, if anything does. */
void courier_park(struct courier *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Tried again later, whatever was at hand. */
void courier_fail(struct courier *c, const struct courier_answer *a, enum verdict verdict);
/* The verdicts that mean the same whatever was asked; false for those that do not. */
bool courier_fail_commonly(struct courier *c, const struct courier_answer *a);
/* A good answer to something else than what fails ends no trouble. */
void courier_succeed(struct courier *c, const struct courier_answer *a);

/* ---- courier_place.c, courier_stream.c: to what was asked ---- */

void courier_upsert_answered(struct courier *c, struct courier_answer *a);
void courier_status_answered(struct courier *c, struct courier_answer *a);
void courier_stream_answered(struct courier *c, struct courier_answer *a);
/* W&B's newest line, read last at read_at_ns, against what the database has under its number. is_of_ours: it has that line,
 * if under another one. */
void courier_compare(struct courier *c, const struct forward_line *ours, bool is_of_ours);
