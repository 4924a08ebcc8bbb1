#include "daemon_reload.h"

#include <errno.h>
#include <string.h>

#include "alerts_setup.h"
#include "directory.h"
#include "engine.h"
#include "limits_setup.h"
#include "log.h"
#include "retention_setup.h"

/* ---- on the worker: touches nothing but fresh, problems and result ---- */

/* Words for which memory is short are lost; that something is wrong is not. */
static void on_problem(void *user, const char *words) {
	struct daemon_reload *r = user;

	(void)buf_append(&r->problems, words, strlen(words));
	(void)buf_append(&r->problems, "\n", 1);
}

static void on_work(uv_work_t *work) {
	struct daemon_reload *r = work->data;
	struct settings_options where = *r->where;

	where.on_remark = on_problem;
	r->result = settings_load(&where, on_problem, r, &r->fresh);
}

/* ---- on the loop ---- */

static void log_problems(struct daemon_reload *r) {
	const char *at = (const char *)r->problems.data, *end = at + r->problems.len;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		int len = (int)((newline != NULL ? newline : end) - at);
		if (r->result < 0) {
			log_error("%.*s", len, at);
		} else {
			log_warning("%.*s", len, at);
		}
		at += len + 1;
	}
	buf_finish(&r->problems);
}

static void on_change(void *user, const char *key, const char *source, bool is_live) {
	unsigned *n_changes = user;

	(*n_changes)++;
	if (is_live) {
		log_info("%s changed (%s)", key, source);
	} else {
		log_warning("%s changed (%s): takes effect at the next start", key, source);
	}
}

/* Parts that keep a copy of what is set get the new one; the others look at the settings themselves. */
static void spread(const struct daemon_reload *r) {
	const struct settings *s = r->settings;
	const struct engine_changes changes = {
		.rank_grace_ms = s->ranks.grace_ms,
		.transmit_ms = s->wandb.transmit_interval_ms,
		.heartbeat_ms = s->wandb.heartbeat_interval_ms,
		.request_timeout_ms = s->wandb.request_timeout_ms,
		.requests_per_s = s->wandb.requests_per_s,
	};

	log_set_level(s->daemon.log_level);
	engine_reload(r->engine, &changes);
	limits_reload(r->ledger, s);
	directory_reload(r->directory, s);
	engine_keep_free(r->engine, s->disk.keep_free_bytes);
	struct retention retention = retention_of_settings(s);
	engine_set_retention(r->engine, &retention);
	struct alert_rules alerts = alerts_of_settings(s);
	engine_set_alerts(r->engine, &alerts);
	engine_set_hook(r->engine, s->alerts.exec, s->alerts.exec_timeout_ms);
}

static void take_over(struct daemon_reload *r) {
	unsigned n_changes = 0;

	settings_take(r->settings, &r->fresh, on_change, &n_changes);
	spread(r);
	log_info("the configuration was read again, %u of its values %s", n_changes,
		n_changes == 1 ? "is another" : "are others");
}

static void begin(struct daemon_reload *r, uv_loop_t *loop);

static void on_worked(uv_work_t *work, int status) {
	struct daemon_reload *r = work->data;

	(void)status; /* it is never cancelled */
	r->busy = false;
	if (!r->ended) {
		log_problems(r);
		if (r->result < 0) {
			log_error(
				"the configuration was not taken over: everything stays as it is");
		} else {
			take_over(r);
		}
	}
	buf_finish(&r->problems);
	settings_finish(&r->fresh);
	if (!r->ended && r->again) {
		begin(r, work->loop);
	} else if (!r->ended) {
		r->on_done(r->user);
	}
}

static void begin(struct daemon_reload *r, uv_loop_t *loop) {
	r->busy = true;
	r->again = false;
	r->work.data = r;
	(void)uv_queue_work(
		loop, &r->work, on_work, on_worked); /* which only fails without an on_work */
}

void daemon_reload(struct daemon_reload *r, uv_loop_t *loop) {
	if (r->busy) {
		r->again = true;
	} else {
		begin(r, loop);
	}
}

void daemon_reload_end(struct daemon_reload *r) {
	r->ended = true;
}
