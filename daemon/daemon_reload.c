#include "daemon_reload.h"

#include <string.h>

#include "directory.h"
#include "engine.h"
#include "limits_setup.h"
#include "log.h"
#include "settings.h"

struct reading {
	unsigned n_changes;
};

static void on_problem(void *user, const char *words) {
	(void)user;
	log_error("%s", words);
}

static void on_change(void *user, const char *key, const char *source, bool is_live) {
	struct reading *r = user;

	r->n_changes++;
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
}

int daemon_reload(struct daemon_reload *r) {
	struct settings fresh = {0};
	struct reading reading = {0};

	int err = settings_load(r->where, on_problem, &reading, &fresh);
	if (err < 0) {
		log_error("the configuration was not taken over: everything stays as it is");
		return err;
	}
	settings_take(r->settings, &fresh, on_change, &reading);
	settings_finish(&fresh);
	spread(r);
	log_info("the configuration was read again, %u of its values %s", reading.n_changes,
		reading.n_changes == 1 ? "is another" : "are others");
	return 0;
}
