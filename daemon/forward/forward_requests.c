/* What a courier wants is begun, and what came of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "crash.h"
#include "forward_private.h"

static void on_answered(void *user, const struct http_response *response);

bool forward_start_visit(struct forwarded *run, bool may_fetch, uint64_t now_ns) {
	struct forward *f = run->forward;
	struct forward_visit *visit = courier_visit(&run->courier, may_fetch, now_ns);
	if (visit == NULL) {
		return false;
	}
	if (f->callbacks.visit(f->user, visit) < 0) {
		courier_visited(&run->courier, visit, -ENOMEM, now_ns);
		forward_visit_destroy(visit);
		return false;
	}
	run->visit = visit;
	run->fetching = visit->lines_max > 0;
	f->n_loaded += run->fetching;
	f->visits++;
	return true;
}

static int write_request(struct forwarded *run, enum courier_want want) {
	const struct forward_options *o = &run->forward->options;
	const struct forward_cursor *cursor = &run->courier.cursor;

	buf_clear(&run->body);
	buf_clear(&run->url);
	if (want == COURIER_STREAM) {
		int err = courier_stream(&run->courier, &run->body);
		return err < 0 ? err
			       : payload_stream_url(&run->url, o->base_url, cursor->entity,
					 cursor->project, run->courier.run_id);
	}
	run->courier.busy = true;
	int err = payload_graphql_url(&run->url, o->base_url);
	if (err == 0 && want == COURIER_UPSERT) {
		err = introduction_write(&run->body, &o->introduction, run->courier.run_id,
			&run->courier.about, cursor);
	} else if (err == 0) {
		err = payload_resume_status(
			&run->body, cursor->entity, cursor->project, run->courier.run_id);
	}
	return err;
}

static int send_request(struct forwarded *run, enum courier_want want) {
	struct forward *f = run->forward;
	int err = write_request(run, want);
	if (err < 0) {
		return err;
	}
	uint32_t timeout_ms = f->options.request_timeout_ms;
	if (want != COURIER_STREAM && timeout_ms > FORWARD_QUESTION_TIMEOUT_MS) {
		timeout_ms = FORWARD_QUESTION_TIMEOUT_MS;
	}
	struct http_request request = {
		.url = buf_text(&run->url),
		.key = forward_key(run),
		.body = text_of((const char *)run->body.data, run->body.len),
		.timeout_ms = timeout_ms,
		.connect_timeout_ms = FORWARD_CONNECT_TIMEOUT_MS,
	};
	run->asked = want;
	err = request.url == NULL ? -ENOMEM
				  : http_post(f->http, &request, on_answered, run, &run->call);
	CRASH_POINT("after-forward-post");
	return err;
}

bool forward_start_request(struct forwarded *run, enum courier_want want, uint64_t now_ns) {
	int err = send_request(run, want);
	if (err == 0) {
		run->forward->in_flight++;
		run->forward->n_loaded -= run->courier.n_lines > 0;
		return true;
	}
	buf_finish(&run->body);
	if (err == -EINVAL) {
		/* What the trainer gave is no JSON of its kind, or the address is none: nobody can send it. */
		courier_unsendable(&run->courier);
	} else {
		courier_not_sent(&run->courier, now_ns);
	}
	return false;
}

/* ---- what came of it ---- */

void forward_visited(struct forward *f, struct forward_visit *visit, int status) {
	struct forwarded *run = forward_find(f, visit->run_id);
	CRASH_POINT("after-forward-visit");
	f->visits--;
	if (run != NULL && run->visit == visit) { /* else it was forgotten meanwhile */
		run->visit = NULL;
		run->fetching = false;
		courier_visited(&run->courier, visit, status, clock_boot_ns());
		run->courier.has_key = forward_key(run) != NULL;
		forward_settle_offer(run);
		forward_note_own_key(run);
		trouble_look(f, run, FORWARD_VISITED);
	}
	forward_visit_destroy(visit);
	forward_pump_soon(f);
}

static void heed_rates(struct forward *f, const struct http_response *response, uint64_t now_ns) {
	budget_adapt(&f->budget, response->rate_remaining, response->rate_reset_s, now_ns);
	if (response->status == 429) {
		int64_t ms = response->retry_after.data == NULL
				     ? -1
				     : retry_after_ms(response->retry_after, clock_wall());
		budget_block(&f->budget, now_ns + (uint64_t)(ms < 0 ? 0 : ms) * NS_PER_MS);
	}
}

/* In [0, 1): so that hosts do not come all at once. */
static double chance(struct forward *f) {
	f->dice ^= f->dice << 13;
	f->dice ^= f->dice >> 7;
	f->dice ^= f->dice << 17;
	return (double)(f->dice >> 11) / 9007199254740992.0;
}

static void note_url(struct forwarded *run) {
	const struct forward_options *o = &run->forward->options;
	struct forward_cursor *cursor = &run->courier.cursor;
	struct buf url = {0};

	if (cursor->entity != NULL && cursor->project != NULL &&
		payload_run_url(&url, o->base_url, o->app_url, cursor->entity, cursor->project,
			run->courier.run_id) == 0) {
		free(cursor->url);
		cursor->url = strndup((const char *)url.data, url.len);
	}
	buf_finish(&url);
}

static void on_answered(void *user, const struct http_response *response) {
	struct forwarded *run = user;
	struct forward *f = run->forward;
	uint64_t now_ns = clock_boot_ns();
	CRASH_POINT("after-forward-answer");

	run->call = NULL;
	f->in_flight--;
	heed_rates(f, response, now_ns);
	bool good = courier_answered(
		&run->courier, run->asked, response, now_ns, clock_wall(), chance(f));
	buf_finish(&run->body);
	if (run->asked == COURIER_UPSERT && run->courier.introduced) {
		note_url(run);
	}
	if (run->courier.stop_wanted) {
		run->courier.stop_wanted = false;
		f->callbacks.on_stop(f->user, run->courier.run_id);
	}
	f->n_accepted += run->courier.state == COURIER_WELL;
	forward_judge_key(run, good);
	trouble_look(f, run, good ? FORWARD_LISTENED : FORWARD_FAILED);
	if (good && run->asked != COURIER_STREAM) {
		list_remove(&run->link); /* who has asked sends before the answer is old */
		list_prepend(&f->runs, &run->link);
	}
	forward_pump_soon(f);
}
