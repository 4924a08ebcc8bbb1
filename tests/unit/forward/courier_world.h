/* A run on its way to W&B, against a database and a server of a few lines. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "courier.h"

#define S 1000000000ull

/* The database of one run: line i is of step i + first_step, time 1000 + step. */
struct world {
	struct courier c;
	uint64_t now_ns;
	int64_t lines;
	uint32_t first_step;
	bool ended, silent;
	const char *name, *config, *retry_after; /* NULL: none */
	struct forward_cursor cursor;            /* as saved */
	int64_t refused;                         /* the line that was set aside last */
	char event[FORWARD_EVENT_MAX];
	int visits, saves;
	bool takes_no_summary;
	char told[32]; /* the name in the newest introduction, "" if it has none */
	char request
		[4096]; /* the newest stream request, in words: "offset [lines] summary complete" */
};

extern const struct courier_policy policy;
extern struct world w;

#define UPSERT(inserted, count)                                                                    \
	"{\"data\":{\"upsertBucket\":{\"inserted\":" inserted ",\"bucket\":{\"id\":\"sid\","       \
	"\"name\":\"r\",\"displayName\":\"d\",\"project\":{\"name\":\"p\",\"entity\":"             \
	"{\"name\":\"e\"}},\"historyLineCount\":" count "}}}}"
/* As fill() has them, a line of step s is of the time 1000 + s. */
#define STATUS(count, step, time)                                                                  \
	"{\"data\":{\"model\":{\"bucket\":{\"id\":\"sid\",\"historyLineCount\":" count             \
	",\"historyTail\":\"[\\\"{\\\\\\\"_step\\\\\\\":" step ",\\\\\\\"_timestamp\\\\\\\":" time \
	"}\\\"]\",\"wandbConfig\":\"{\\\"t\\\":{}}\"}}}}"

/* The next thing it wants of W&B, visits made on the way; time goes on when it waits. */
enum courier_want next_request(uint64_t until_ns);
void answer(enum courier_want want, int status, const char *body);
/* To what is under way already. */
void answer_again(int status);
int setup(void **state);
int teardown(void **state);
void begin_new(void);
/* Sent, with that answer. */
void stream(int status, const char *body);
/* As stream, where it may be so long ago that W&B, which has no line yet, is asked first whose the run is. */
void stream_later(int status, const char *body);
/* As after a restart: the courier is new, the database is not. */
void restart(void);
