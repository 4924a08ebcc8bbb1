#include "daemon.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "alerts_setup.h"
#include "backup.h"
#include "daemon_notify.h"
#include "daemon_reload.h"
#include "directory.h"
#include "engine.h"
#include "idle.h"
#include "limits_setup.h"
#include "listener.h"
#include "log.h"
#include "log_messages.h"
#include "notes.h"
#include "retention_setup.h"
#include "settings.h"
#include "signals.h"
#include "wandb_setup.h"

#define DIRECTORY_MODE     0755
#define DIRECTORY_MODE_OWN 0700

#define STALL_FACTOR_PCT 2000u /* 20 times the usual step */
#define STALL_MIN_MS     60000u

/* Taken down in the order of what each one needs: no watch for idleness, no backup, no new connections, the last commit with its
 * acks, the connections, the database. */
struct daemon {
	uv_loop_t loop;
	struct signals signals;
	struct ledger ledger;
	struct directory *directory;
	struct engine *engine;
	struct server *server;
	struct listener *listener;
	struct backup *backup;        /* NULL: none are made */
	struct idle *idle;            /* NULL: it waits for a signal */
	struct daemon_notify *notify; /* NULL: nobody listens */
	struct daemon_reload reload;
	bool ending;
	struct closing closing;
};

static void on_nothing_left(void *user) {
	(void)user;
}

static void on_notify_closed(void *user) {
	struct daemon *d = user;
	closing_init(&d->closing, on_nothing_left, d);
	signals_close(&d->signals, &d->closing);
	directory_close(d->directory, &d->closing);
	closing_release(&d->closing);
}

static void on_engine_closed(void *user) {
	struct daemon *d = user;
	directory_detach(d->directory);
	daemon_notify_close(d->notify, on_notify_closed, d);
}

static void on_server_closed(void *user) {
	struct daemon *d = user;
	daemon_notify_ending(d->notify, "closing the database");
	engine_close(d->engine, on_engine_closed, d);
}

static void on_engine_ended(void *user) {
	struct daemon *d = user;
	daemon_notify_ending(d->notify, "the last acks");
	server_close(d->server, on_server_closed, d);
}

static void on_listener_closed(void *user) {
	struct daemon *d = user;
	engine_end(d->engine, on_engine_ended, d);
}

static void on_backup_closed(void *user) {
	struct daemon *d = user;
	listener_close(d->listener, on_listener_closed, d);
}

static void on_idle_closed(void *user) {
	struct daemon *d = user;
	backup_close(d->backup, on_backup_closed, d);
}

static void begin_end(struct daemon *d) {
	if (!d->ending) {
		d->ending = true;
		daemon_reload_end(&d->reload);
		daemon_notify_ending(d->notify, "the last commit");
		idle_close(d->idle, on_idle_closed, d);
	}
}

static void on_end(void *user, int signum) {
	log_about(LOG_LEVEL_INFO, &(struct log_about){.kind = LOG_ENDING},
		"%s: ending after the last commit", strsignal(signum));
	begin_end(user);
}

static void on_idle(void *user) {
	begin_end(user);
}

static void on_reloaded(void *user) {
	struct daemon *d = user;
	daemon_notify_reloaded(d->notify);
}

static void on_reload(void *user) {
	struct daemon *d = user;
	if (!d->ending && d->engine != NULL) {
		daemon_notify_reloading(d->notify);
		daemon_reload(&d->reload, &d->loop);
	}
}

static int open_idle(struct daemon *d, const struct daemon_options *options) {
	const struct idle_options idle = {
		.after_ms = options->settings->daemon.idle_ms,
		.engine = d->engine,
		.server = d->server,
		.listener = d->listener,
		.on_idle = on_idle,
		.user = d,
	};
	return idle.after_ms == 0 ? 0 : idle_open(&d->loop, &idle, &d->idle);
}

static void on_backup_done(void *user, const char *words, double newest) {
	struct daemon *d = user;
	engine_tell_backup(d->engine, words, newest);
}

static int open_backup(struct daemon *d, const struct daemon_options *options, char words[256]) {
	const struct backup_options backup = {
		.database = options->database,
		.folder = options->settings->backup.folder,
		.every_ms = options->settings->backup.every_ms,
		.keep = options->settings->backup.keep,
		.keep_free_bytes = options->settings->disk.keep_free_bytes,
		.on_done = on_backup_done,
		.user = d,
	};
	return backup.folder == NULL ? 0 : backup_open(&d->loop, &backup, &d->backup, words);
}

/* Each part that was built is taken down again when the next one fails. */
static int open_parts(struct daemon *d, const struct daemon_options *options, char words[256]) {
	const struct wandb_settings *wandb = &options->settings->wandb;
	struct forward_options forward;
	int err = directory_open(&d->loop, options->settings, &d->directory);
	if (err < 0) {
		snprintf(
			words, 256, "the directory's lookups cannot be set up: %s", strerror(-err));
		on_engine_closed(d);
		return err;
	}
	wandb_setup(wandb, options->credential, &forward);
	struct retention retention = retention_of_settings(options->settings);
	struct engine_options engine = {
		.database = options->database,
		.version = SAE_METRICSD_VERSION,
		.socket = options->socket,
		.scope = options->is_system ? "system" : "user",
		.processes_max = (uint32_t)d->ledger.limits.host_connections,
		.access = directory_rules(d->directory),
		.user_name = directory_user_name,
		.user_name_user = d->directory,
		.registry =
			{
				.alerts = alerts_of_settings(options->settings),
				.rank_grace_ms = options->settings->ranks.grace_ms,
				.ledger = &d->ledger,
				.stall_factor_pct = STALL_FACTOR_PCT,
				.stall_min_ms = STALL_MIN_MS,
				.forwards = wandb->mode != WANDB_MODE_OFF,
				.forwards_without_ours = !wandb->extra_metrics,
			},
		.retention = &retention,
		.keep_free_bytes = options->settings->disk.keep_free_bytes,
		.forward = wandb->mode == WANDB_MODE_ONLINE ? &forward : NULL,
	};
	struct listener_options listener = {
		.path = options->socket,
		.passed_fd = options->socket_fd,
		.mode = options->settings->access.socket_mode,
		.has_group = options->has_socket_group,
		.group = options->socket_group,
		.directory_mode = options->is_system ? DIRECTORY_MODE : DIRECTORY_MODE_OWN,
	};

	err = engine_open(&d->loop, &engine, &d->engine, words);
	if (err < 0) {
		on_engine_closed(d);
		return err;
	}
	engine_set_hook(d->engine, options->settings->alerts.exec,
		options->settings->alerts.exec_timeout_ms);
	directory_attach(d->directory, d->engine);
	err = server_open(&d->loop, &server_default_limits, &d->ledger, &engine_session_callbacks,
		d->engine, &d->server);
	if (err < 0) {
		snprintf(words, 256, "the connections cannot be set up: %s", strerror(-err));
		engine_close(d->engine, on_engine_closed, d);
		return err;
	}
	engine_serve(d->engine, d->server);
	err = listener_open(&d->loop, &listener, d->server, &d->listener, words);
	if (err < 0) {
		server_close(d->server, on_server_closed, d);
		return err;
	}
	err = open_backup(d, options, words);
	if (err < 0) {
		listener_close(d->listener, on_listener_closed, d);
		return err;
	}
	err = open_idle(d, options);
	if (err < 0) {
		snprintf(words, 256, "memory is short");
		backup_close(d->backup, on_backup_closed, d);
		return err;
	}
	err = notes_make_folder(options->socket);
	if (err < 0) {
		log_warning(
			"beside %s there is no folder for notes that is as open as it is, and it "
			"cannot be made so (%s): not every trainer that ends while no daemon is "
			"there leaves one; `sae-metricsd doctor` says what to do",
			options->socket, strerror(-err));
	}
	return 0;
}

static enum daemon_forward forward_mode(const struct settings *s) {
	return s->wandb.mode == WANDB_MODE_ONLINE ? DAEMON_FORWARD_WANDB
	       : s->wandb.mode == WANDB_MODE_OFF  ? DAEMON_FORWARD_OFF
						  : DAEMON_FORWARD_OFFLINE;
}

static const char *forward_words(const struct daemon_options *options, char out[256]) {
	const struct wandb_settings *wandb = &options->settings->wandb;
	const struct credential *credential = options->credential;

	if (wandb->mode != WANDB_MODE_ONLINE) {
		return wandb->mode == WANDB_MODE_OFF ? "forward off"
						     : "forward offline: lines for W&B are kept";
	}
	if (credential->key == NULL) {
		snprintf(out, 256, "forward to %.100s with runs' own keys (the host has none)",
			wandb->base_url);
	} else {
		snprintf(out, 256, "forward to %.100s with the key from %.100s", wandb->base_url,
			credential->source);
	}
	return out;
}

int daemon_run(const struct daemon_options *options) {
	static const struct signals_callbacks callbacks = {on_end, on_reload};
	struct daemon d = {0};
	char words[256] = "";

	int err = uv_loop_init(&d.loop);
	if (err == 0) {
		err = signals_open(&d.signals, &d.loop, &callbacks, &d);
	}
	if (err < 0) {
		log_error("the loop cannot be set up: %s", strerror(-err));
		return err;
	}
	limits_setup(&d.ledger, options->settings);
	err = open_parts(&d, options, words);
	d.reload = (struct daemon_reload){
		.settings = options->settings,
		.where = options->where,
		.engine = d.engine,
		.ledger = &d.ledger,
		.directory = d.directory,
		.on_done = on_reloaded,
		.user = &d,
	};
	if (err < 0) {
		log_error("%s", words);
	} else {
		log_about(LOG_LEVEL_INFO, &(struct log_about){.kind = LOG_LISTENING},
			"sae-metricsd %s: listening on %s, database %s, %s", SAE_METRICSD_VERSION,
			options->socket, options->database, forward_words(options, words));
		d.notify = daemon_notify_open(&d.loop, d.engine, forward_mode(options->settings));
	}
	(void)uv_run(&d.loop, UV_RUN_DEFAULT);
	int closed = uv_loop_close(&d.loop);
	assert(closed == 0); /* every handle had an owner, and every owner has closed it */
	ledger_finish(&d.ledger);
	(void)closed;
	return err;
}
