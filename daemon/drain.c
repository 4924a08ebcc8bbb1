#include "drain.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "store.h"

#define LOOK_EVERY_MS 250u

struct drain {
	const struct drain_options *options;
	uv_loop_t loop;
	struct store *store;
	struct forward *forward;
	uv_timer_t look;
	uint64_t progress; /* when last looked */
	uint64_t progress_ns;
	bool ending;
	int result;
	char words[FORWARD_WORDS_MAX];
};

static void on_closed(void *user) {
	(void)user;
}

static void on_forward_closed(void *user) {
	struct drain *d = user;
	store_close(d->store, on_closed, d);
}

static void end(struct drain *d, int result) {
	if (d->ending) {
		return;
	}
	d->ending = true;
	d->result = result;
	uv_close((uv_handle_t *)&d->look, NULL);
	forward_close(d->forward, on_forward_closed, d);
}

/* ---- the forwarder's callbacks ---- */

static void on_visited(void *user, struct forward_visit *visit, int status) {
	struct drain *d = user;
	if (d->ending) {
		forward_visit_destroy(visit);
		return;
	}
	forward_visited(d->forward, visit, status);
}

static int on_visit(void *user, struct forward_visit *visit) {
	struct drain *d = user;
	return store_visit(d->store, visit, on_visited, d);
}

static void on_stop(void *user, const char *run_id) {
	(void)user; /* nobody trains */
	(void)run_id;
}

/* What a run that is tried again and again was told last: also what is said to it alone. */
static void say_of_any(const struct drain *d, double now_s, struct forward_view *worst) {
	const struct drain_options *o = d->options;
	struct forward_view one;
	for (size_t i = 0; i < o->n_runs && worst->words[0] == '\0'; i++) {
		if (forward_look(d->forward, o->run_ids[i], now_s, &one) && !one.parked) {
			memcpy(worst->words, one.words, sizeof worst->words);
		}
	}
}

static void on_look(uv_timer_t *timer) {
	struct drain *d = timer->data;
	struct forward_sum all;
	uint64_t now_ns = clock_mono_ns();
	double now_s = clock_wall();

	forward_look_all(d->forward, now_s, NULL, &all);
	say_of_any(d, now_s, &all.worst);
	uint64_t progress = forward_progress(d->forward);
	if (progress != d->progress) {
		d->progress_ns = now_ns;
	}
	d->progress = progress;
	if (d->options->on_progress != NULL) {
		d->options->on_progress(d->options->user, &all);
	}
	if (forward_busy(d->forward) == 0) {
		end(d, DRAIN_DONE);
	} else if (now_ns - d->progress_ns > (uint64_t)d->options->patience_ms * 1000000u) {
		snprintf(d->words, sizeof d->words, "%s",
			all.worst.words[0] != '\0' ? all.worst.words : "W&B takes no more of it");
		end(d, DRAIN_GAVE_UP);
	}
}

/* ---- the store's ---- */

static void on_committed(void *user, const struct run_cut *cuts, int status) {
	(void)user; /* nothing is committed here */
	(void)cuts;
	(void)status;
}

static void on_trouble(void *user, const char *words) {
	struct drain *d = user;
	if (words != NULL) {
		snprintf(d->words, sizeof d->words, "%s", words);
	}
}

static void on_rejected(void *user, const struct run_cut *cut, const char *words) {
	(void)user;
	(void)cut;
	(void)words;
}

/* ---- beginning ---- */

static void add_one(void *user, const char *run_id) {
	struct drain *d = user;
	const struct drain_options *o = d->options;
	bool wanted = false;
	for (size_t i = 0; i < o->n_runs; i++) {
		wanted |= strcmp(o->run_ids[i], run_id) == 0;
	}
	if (wanted) {
		forward_add(d->forward, run_id);
		/* Also for a run whose own key is gone: there is no other, and nobody else to ask. */
		const char *key = o->forward->key;
		if (key != NULL) {
			(void)forward_offer_key(d->forward, run_id, 0, text_of(key, strlen(key)));
		}
		(void)forward_resume(d->forward, run_id, o->take_over);
	}
}

static int begin(struct drain *d) {
	static const struct store_callbacks on_store = {
		.on_committed = on_committed, .on_trouble = on_trouble, .on_rejected = on_rejected};
	static const struct forward_callbacks on_forward = {.visit = on_visit, .on_stop = on_stop};
	struct store_options options = {
		.path = d->options->database, .daemon_version = SAE_METRICSD_VERSION};

	int err = store_open(&d->loop, &options, &on_store, d, &d->store, d->words);
	if (err < 0) {
		return err;
	}
	err = forward_open(&d->loop, d->options->forward, &on_forward, d, &d->forward, d->words);
	if (err < 0) {
		store_close(d->store, on_closed, d);
		return err;
	}
	(void)uv_timer_init(&d->loop, &d->look);
	d->look.data = d;
	d->progress_ns = clock_mono_ns();
	(void)uv_timer_start(&d->look, on_look, 0, LOOK_EVERY_MS);
	err = store_each_forward(d->store, add_one, d);
	if (err < 0) {
		snprintf(d->words, sizeof d->words, "%s", strerror(-err));
		end(d, err);
	}
	return 0;
}

int drain_run(const struct drain_options *options, char ret_words[FORWARD_WORDS_MAX]) {
	struct drain d = {.options = options};
	/* A peer that resets, and a limit on the size of files, are answers like others. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	int err = uv_loop_init(&d.loop);
	if (err < 0) {
		snprintf(ret_words, FORWARD_WORDS_MAX, "%s", strerror(-err));
		return err;
	}
	err = begin(&d);
	(void)uv_run(&d.loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&d.loop);
	memcpy(ret_words, d.words, sizeof d.words);
	return err < 0 ? err : d.result;
}
