#include "forward.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"
#include "credential.h"
#include "forward_private.h"
#include "hash.h"
#include "log.h"

#define BURST_SECONDS 2.0

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

struct forwarded *forward_run(struct forward *f, const char *run_id) {
	struct forwarded *run = forward_find(f, run_id);
	if (run != NULL) {
		return run;
	}
	run = calloc(1, sizeof *run);
	if (run == NULL) {
		log_of_run(LOG_LEVEL_ERROR, run_id,
			"run %s: memory is short, it is not forwarded until the next start",
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

void forward_forget(struct forwarded *run) {
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
	forward_drop_key(run);
	credential_free(run->offered);
	courier_finish(&run->courier);
	free(run);
}

/* ---- the face ---- */

int forward_open(uv_loop_t *loop, const struct forward_options *options,
	const struct forward_callbacks *callbacks, void *user, struct forward **ret,
	char ret_words[256]) {
	struct forward *f = calloc(1, sizeof *f);
	if (f == NULL) {
		snprintf(ret_words, 256, "memory is short");
		return -ENOMEM;
	}
	int err = http_open(loop, &options->http, &f->http, ret_words);
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
		f->dice = clock_boot_ns() | 1;
	}
	budget_init(&f->budget, options->requests_per_s, options->requests_per_s * BURST_SECONDS,
		clock_boot_ns());
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
		forward_forget(container_of(link, struct forwarded, link));
	}
}

void forward_set_pace(struct forward *f, const struct forward_pace *pace) {
	/* Couriers look at the policy itself. */
	f->options.policy.transmit_ms = pace->transmit_ms;
	f->options.policy.heartbeat_ms = pace->heartbeat_ms;
	f->options.request_timeout_ms = pace->request_timeout_ms;
	if (pace->requests_per_s != f->options.requests_per_s) {
		f->options.requests_per_s = pace->requests_per_s;
		budget_set_rate(&f->budget, pace->requests_per_s,
			pace->requests_per_s * BURST_SECONDS, clock_boot_ns());
	}
	forward_pump_soon(f);
}

void forward_doubt_all(struct forward *f) {
	list_for_each(link, &f->runs) {
		courier_doubt(&container_of(link, struct forwarded, link)->courier);
	}
	forward_pump_soon(f);
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
	if (forward_run(f, run_id) != NULL) {
		forward_pump_soon(f);
	}
}

/* How old the oldest line is says the next visit, which may be long in coming. */
static void note_age(struct courier *c) {
	if (c->oldest_time <= 0 && c->lines > c->cursor.accepted) {
		c->oldest_time = clock_wall();
	}
}

void forward_retell(struct forward *f, const char *run_id) {
	struct forwarded *run = forward_find(f, run_id);
	if (run != NULL) {
		courier_note(&run->courier, run->courier.lines, run->courier.ended, true);
		forward_pump_soon(f);
	}
}

void forward_drop(struct forward *f, const char *run_id) {
	struct forwarded *run = forward_find(f, run_id);
	if (run != NULL) {
		list_remove(&run->link);
		forward_forget(run);
		forward_pump_soon(f);
	}
}

void forward_note(
	struct forward *f, const char *run_id, int64_t lines, bool ended, bool about_changed) {
	struct forwarded *run = forward_run(f, run_id);
	if (run != NULL) {
		run->key_notes -= run->key_notes > 0;
		courier_note(&run->courier, lines, ended, about_changed);
		note_age(&run->courier);
		forward_pump_soon(f);
	}
}
