#include "forward.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "budget.h"
#include "clock.h"
#include "crash.h"
#include "credential.h"
#include "forward_private.h"
#include "hash.h"
#include "log.h"
#include "url.h"

/* Visits share the disk worker with commits: one at a time is enough to keep requests coming. */
#define VISITS_MAX    2u
#define BURST_SECONDS 2.0
/* A key comes before the commit that says its run goes on, and behind at most one that is under way. */
#define KEY_NOTES 2u
#define NS_PER_MS 1000000ull

static void pump(struct forward *f);

/* ---- runs ---- */

static struct forwarded **bucket_of(const struct forward *f, const char *run_id) {
	return (struct forwarded **)&f->by_id[hash_text(run_id) % FORWARD_BUCKETS];
}

struct forwarded *forward_find(const struct forward *f, const char *run_id) {
	struct forwarded *run = *bucket_of(f, run_id);
	while (run != NULL && strcmp(run->courier.run_id, run_id) != 0) {
		run = run->next_by_id;
	}
	return run;
}

const char *forward_key(const struct forwarded *run) {
	bool own = run->key != NULL || run->courier.cursor.own_key;
	return own ? run->key : run->forward->options.key;
}

static struct forwarded *add(struct forward *f, const char *run_id) {
	struct forwarded *run = forward_find(f, run_id);
	if (run != NULL) {
		return run;
	}
	run = calloc(1, sizeof *run);
	if (run == NULL) {
		log_error("run %s: memory is short, it is not forwarded until the next start",
			run_id);
		return NULL;
	}
	run->forward = f;
	courier_init(&run->courier, run_id, &f->options.policy);
	run->courier.has_key = forward_key(run) != NULL;
	list_append(&f->runs, &run->link);
	run->next_by_id = *bucket_of(f, run_id);
	*bucket_of(f, run_id) = run;
	return run;
}

/* Off the list already. */
static void forget(struct forwarded *run) {
	struct forwarded **at = bucket_of(run->forward, run->courier.run_id);
	while (*at != run) {
		at = &(*at)->next_by_id;
	}
	*at = run->next_by_id;
	if (run->call != NULL) {
		http_cancel(run->call);
		run->forward->in_flight--;
	}
	buf_finish(&run->body);
	buf_finish(&run->url);
	credential_free(run->key);
	courier_finish(&run->courier);
	free(run);
}

/* ---- what a courier wants ---- */

static bool start_visit(struct forwarded *run, bool may_fetch, uint64_t now_ns) {
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

static void on_answered(void *user, const struct http_response *response);

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

static bool start_request(struct forwarded *run, enum courier_want want, uint64_t now_ns) {
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

/* ---- turns ---- */

/* Requests under way, and lines that wait in memory for one. */
static bool has_room(const struct forward *f) {
	return f->in_flight + f->n_loaded < (f->broken ? 1 : FORWARD_IN_FLIGHT_MAX);
}

static bool begin_visit(
	struct forwarded *run, enum courier_want want, uint64_t now_ns, uint64_t *when_ns) {
	struct forward *f = run->forward;
	uint64_t blocked_ns = f->budget.blocked_ns;
	bool may_fetch = has_room(f) && blocked_ns <= now_ns;
	if (want == COURIER_FETCH && !may_fetch) {
		*when_ns = blocked_ns > now_ns && blocked_ns < *when_ns ? blocked_ns : *when_ns;
		return false;
	}
	return f->visits < VISITS_MAX && start_visit(run, may_fetch, now_ns);
}

static bool begin_request(
	struct forwarded *run, enum courier_want want, uint64_t now_ns, uint64_t *when_ns) {
	struct forward *f = run->forward;
	uint64_t due_ns = UINT64_MAX;
	bool has_lines = run->courier.n_lines > 0; /* which have their room already */
	if (!has_lines && !has_room(f)) {
		return false;
	}
	if (budget_take(&f->budget, now_ns, &due_ns)) {
		if (start_request(run, want, now_ns)) {
			return true;
		}
		due_ns = run->courier.not_before_ns;
	}
	*when_ns = due_ns < *when_ns ? due_ns : *when_ns;
	return false;
}

/* True when something was begun. */
static bool take_turn(struct forwarded *run, uint64_t now_ns, uint64_t *when_ns) {
	uint64_t due_ns = UINT64_MAX;
	enum courier_want want = courier_next(&run->courier, now_ns, &due_ns);

	switch (want) {
	case COURIER_VISIT:
	case COURIER_FETCH:
		return begin_visit(run, want, now_ns, when_ns);
	case COURIER_UPSERT:
	case COURIER_STATUS:
	case COURIER_STREAM:
		return begin_request(run, want, now_ns, when_ns);
	case COURIER_NOTHING:
		break;
	}
	*when_ns = due_ns < *when_ns ? due_ns : *when_ns;
	return false;
}

static void on_due(uv_timer_t *timer) {
	pump(timer->data);
}

/* Once, when this turn of the loop has said all it has to say. */
static void pump_soon(struct forward *f) {
	if (!f->closing) {
		(void)uv_timer_start(&f->due, on_due, 0, 0);
	}
}

static void wait_until(struct forward *f, uint64_t when_ns, uint64_t now_ns) {
	if (when_ns == UINT64_MAX) {
		(void)uv_timer_stop(&f->due);
		return;
	}
	uint64_t ms = when_ns <= now_ns ? 1 : (when_ns - now_ns) / NS_PER_MS + 1;
	uv_update_time(f->loop);
	(void)uv_timer_start(&f->due, on_due, ms, 0);
}

/* Lines that wait for their request, or are being fetched. */
static void count_loaded(struct forward *f) {
	f->n_loaded = 0;
	list_for_each(link, &f->runs) {
		const struct forwarded *run = container_of(link, struct forwarded, link);
		f->n_loaded += run->call == NULL && (run->courier.n_lines > 0 || run->fetching);
	}
}

/* Who has had his turn goes to the end, so that a long backlog keeps nobody waiting. */
static void pump(struct forward *f) {
	uint64_t now_ns = clock_mono_ns(), when_ns = UINT64_MAX;
	struct list served;

	if (f->closing) {
		return;
	}
	list_init(&served);
	count_loaded(f);
	list_for_each(link, &f->runs) {
		struct forwarded *run = container_of(link, struct forwarded, link);
		if (courier_done(&run->courier) && run->key_notes == 0) {
			list_remove(&run->link);
			forget(run);
		} else if (take_turn(run, now_ns, &when_ns)) {
			list_remove(&run->link);
			list_append(&served, &run->link);
		}
	}
	for (struct list *link; (link = list_take_first(&served)) != NULL;) {
		list_append(&f->runs, link);
	}
	wait_until(f, when_ns, now_ns);
	if (f->callbacks.on_progress != NULL) {
		f->callbacks.on_progress(f->user);
	}
}

/* ---- what came of it ---- */

/* From now on W&B is told of it with its own key alone, also when that is gone: the host's may be another account's. */
static void note_own_key(struct forwarded *run) {
	const char *host_key = run->forward->options.key;
	struct courier *c = &run->courier;
	bool is_other = run->key != NULL && (host_key == NULL || strcmp(run->key, host_key) != 0);
	if (is_other && c->known && !c->gone && !c->cursor.own_key) {
		courier_keep_own_key(c);
	}
}

void forward_visited(struct forward *f, struct forward_visit *visit, int status) {
	struct forwarded *run = forward_find(f, visit->run_id);
	CRASH_POINT("after-forward-visit");
	f->visits--;
	if (run != NULL && run->visit == visit) { /* else it was forgotten meanwhile */
		run->visit = NULL;
		run->fetching = false;
		courier_visited(&run->courier, visit, status, clock_mono_ns());
		run->courier.has_key = forward_key(run) != NULL;
		note_own_key(run);
		trouble_look(f, run, false);
	}
	forward_visit_destroy(visit);
	pump_soon(f);
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
	uint64_t now_ns = clock_mono_ns();
	CRASH_POINT("after-forward-answer");

	run->call = NULL;
	f->in_flight--;
	heed_rates(f, response, now_ns);
	courier_answered(&run->courier, run->asked, response, now_ns, clock_wall(), chance(f));
	buf_finish(&run->body);
	if (run->asked == COURIER_UPSERT && run->courier.introduced) {
		note_url(run);
	}
	if (run->courier.stop_wanted) {
		run->courier.stop_wanted = false;
		f->callbacks.on_stop(f->user, run->courier.run_id);
	}
	f->n_accepted += run->courier.state == COURIER_WELL;
	trouble_look(f, run, true);
	pump_soon(f);
}

/* ---- the face ---- */

int forward_open(uv_loop_t *loop, const struct forward_options *options,
	const struct forward_callbacks *callbacks, void *user, struct forward **ret) {
	struct forward *f = calloc(1, sizeof *f);
	if (f == NULL) {
		return -ENOMEM;
	}
	int err = http_open(loop, &options->http, &f->http);
	if (err < 0) {
		free(f);
		return err;
	}
	f->loop = loop;
	f->options = *options;
	f->callbacks = *callbacks;
	f->user = user;
	list_init(&f->runs);
	if (getrandom(&f->dice, sizeof f->dice, GRND_NONBLOCK) != sizeof f->dice || f->dice == 0) {
		f->dice = clock_mono_ns() | 1;
	}
	budget_init(&f->budget, options->requests_per_s, options->requests_per_s * BURST_SECONDS,
		clock_mono_ns());
	(void)uv_timer_init(loop, &f->due);
	f->due.data = f;
	*ret = f;
	return 0;
}

static void on_all_closed(void *user) {
	struct forward *f = user;
	void (*on_closed)(void *user) = f->on_closed;
	void *on_closed_user = f->on_closed_user;
	free(f);
	on_closed(on_closed_user);
}

static void forget_all(struct forward *f) {
	for (struct list *link; (link = list_take_first(&f->runs)) != NULL;) {
		forget(container_of(link, struct forwarded, link));
	}
}

void forward_doubt_all(struct forward *f) {
	list_for_each(link, &f->runs) {
		courier_doubt(&container_of(link, struct forwarded, link)->courier);
	}
	pump_soon(f);
}

void forward_close(struct forward *f, void (*on_closed)(void *user), void *user) {
	f->closing = true;
	f->on_closed = on_closed;
	f->on_closed_user = user;
	forget_all(f);
	closing_init(&f->all_closed, on_all_closed, f);
	closing_handle(&f->all_closed, (uv_handle_t *)&f->due);
	closing_hold(&f->all_closed);
	http_close(f->http, closing_release, &f->all_closed);
	closing_release(&f->all_closed);
}

void forward_add(struct forward *f, const char *run_id) {
	if (add(f, run_id) != NULL) {
		pump_soon(f);
	}
}

/* How old the oldest line is says the next visit, which may be long in coming. */
static void note_age(struct courier *c) {
	if (c->oldest_time <= 0 && c->lines > c->cursor.accepted) {
		c->oldest_time = clock_wall();
	}
}

void forward_note(
	struct forward *f, const char *run_id, int64_t lines, bool ended, bool about_changed) {
	struct forwarded *run = add(f, run_id);
	if (run != NULL) {
		run->key_notes -= run->key_notes > 0;
		courier_note(&run->courier, lines, ended, about_changed);
		note_age(&run->courier);
		pump_soon(f);
	}
}

const char *forward_base_url(const struct forward *f) {
	return f->options.base_url;
}

bool forward_is_to(const struct forward *f, struct text base_url) {
	char text[FIELD_MAX_BYTES + 1];
	struct url theirs, ours;
	if (base_url.len == 0) {
		return true;
	}
	snprintf(text, sizeof text, "%.*s", (int)base_url.len, base_url.data);
	return url_read(text, &theirs) == 0 && url_read(f->options.base_url, &ours) == 0 &&
	       url_same_server(&theirs, &ours);
}

static void give_key(struct forwarded *run, struct text key) {
	char *copy = strndup(key.data, key.len);
	if (copy == NULL) {
		return;
	}
	bool same = run->key != NULL && strcmp(run->key, copy) == 0;
	credential_free(run->key);
	run->key = copy;
	run->courier.has_key = true;
	note_own_key(run);
	if (!same) {
		courier_retry(&run->courier);
	}
}

void forward_give_key(struct forward *f, const char *run_id, struct text key, bool goes_on) {
	struct forwarded *run = add(f, run_id);
	if (run != NULL) {
		give_key(run, key);
		run->key_notes = goes_on ? KEY_NOTES : run->key_notes;
		pump_soon(f);
	}
}

bool forward_resume(struct forward *f, const char *run_id, bool take_over) {
	struct forwarded *run = forward_find(f, run_id);
	if (run == NULL) {
		return false;
	}
	courier_resume(&run->courier, take_over);
	pump_soon(f);
	return true;
}

uint32_t forward_resume_all(struct forward *f, uint32_t uid, struct text key) {
	uint32_t n = 0;
	list_for_each(link, &f->runs) {
		struct forwarded *run = container_of(link, struct forwarded, link);
		if (!run->courier.known || run->courier.uid != uid || courier_done(&run->courier)) {
			continue;
		}
		if (key.len > 0) {
			give_key(run, key);
		}
		courier_resume(&run->courier, false);
		n++;
	}
	pump_soon(f);
	return n;
}
