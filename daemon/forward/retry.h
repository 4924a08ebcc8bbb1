/* What becomes of a request, and when it is tried again: W&B's answers judged in one place. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "message.h"

/* How far a request came. */
enum transport {
	TRANSPORT_DONE = 0, /* a whole answer, whatever its status */
	TRANSPORT_NO_NAME,  /* DNS */
	TRANSPORT_NO_CONNECTION,
	TRANSPORT_TLS,     /* the certificate is not believed, or TLS failed otherwise */
	TRANSPORT_TIMEOUT, /* the outcome is unknown */
	TRANSPORT_BROKEN,  /* reset, cut short, no HTTP: the outcome is unknown */
	TRANSPORT_PROXY
};

enum verdict {
	VERDICT_ACCEPTED = 0,
	VERDICT_AGAIN, /* busy, or not known whether it arrived: the same bytes again */
	VERDICT_SLOWLY, /* somebody has to mend something (TLS, a redirect, 501): probed now and then */
	VERDICT_KEY,       /* 401, 403: the key is not taken; probed now and then */
	VERDICT_GONE,      /* 404, 410: the run or its project was deleted */
	VERDICT_TOO_LARGE, /* 413 */
	VERDICT_BAD        /* 400, 409, 422: something in it is not taken */
};

enum verdict retry_judge(enum transport transport, int status);

/* The wait before try number `n_failed` + 1 of one request: 2 s doubling to 60 s, and up to a quarter more;
 * VERDICT_SLOWLY and VERDICT_KEY from 60 s to 15 minutes. `chance` in [0, 1). Never 0. */
uint64_t retry_wait_ms(enum verdict verdict, uint32_t n_failed, double chance);

/* A Retry-After: seconds (also with a fraction) or an HTTP date in one of its three forms, in milliseconds
 * from now, at most an hour. -1 when it is neither or not given; 0 for a date in the past. `now_s` since
 * 1970. */
int64_t retry_after_ms(struct text value, double now_s);

/* An HTTP date, in seconds since 1970. False: it is none, or not given. */
bool retry_read_date(struct text value, double now_s, double *ret_s);
