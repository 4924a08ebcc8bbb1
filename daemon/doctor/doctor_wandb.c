/* Whether W&B can be reached from here, and whom it takes the host's key for. The key itself is shown to nobody. */
#include "doctor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "document.h"
#include "wandb_setup.h"

/* Who asks is a person; a proxy that does not answer is found out by then. */
#define ANSWER_MAX_MS 10000u
#define ANSWER_SLOW_S 5.0

#define SERVICE_CREDENTIALS "/run/credentials/sae-metricsd.service"

/* ---- the key ---- */

/* systemd hands it to the service alone; root may look there. */
static void look_where_the_service_does(const struct doctor *d) {
	if (d->is_system && geteuid() == 0 && getenv("CREDENTIALS_DIRECTORY") == NULL &&
		access(SERVICE_CREDENTIALS "/wandb-api-key", R_OK) == 0) {
		(void)setenv("CREDENTIALS_DIRECTORY", SERVICE_CREDENTIALS, 1);
	}
}

/* Whether there is one. */
static bool find_key(struct doctor *d) {
	const struct wandb_settings *w = &d->settings.wandb;
	char words[CREDENTIAL_WORDS_MAX];

	look_where_the_service_does(d);
	if (credential_find(w->key_file, w->base_url, &d->credential, words) < 0) {
		doctor_say(
			d, FINDING_FAIL, "mend it: the daemon does not start with it", "%s", words);
		return false;
	}
	if (d->credential.note[0] != '\0') {
		doctor_say(d, FINDING_WARN, NULL, "%s", d->credential.note);
	}
	if (d->credential.key == NULL) {
		doctor_say(d, FINDING_WARN,
			d->is_system
				? "if it is to have one: `systemd-creds encrypt "
				  "--name=wandb-api-key - "
				  "/etc/credstore.encrypted/wandb-api-key`, or key_file; then "
				  "restart the service"
				: "if it is to have one: `wandb login`, WANDB_API_KEY, or key_file",
			"no key is found here: only runs that bring their own are forwarded");
		return false;
	}
	return true;
}

/* ---- the answer ---- */

static const char *advise_transport(enum transport transport) {
	switch (transport) {
	case TRANSPORT_NO_NAME:
		return "the name is not known here: base_url, DNS, or does this host need a proxy?";
	case TRANSPORT_NO_CONNECTION:
	case TRANSPORT_TIMEOUT:
		return "a firewall, or does this host need proxy_https (proxy_http)? Until then "
		       "lines are "
		       "kept";
	case TRANSPORT_TLS:
		return "name the certificate of who signs here in ca_file";
	case TRANSPORT_PROXY:
		return "see proxy_https (proxy_http), or https_proxy and no_proxy in the service's "
		       "environment";
	default:
		return "see whether base_url is W&B's address; until then lines are kept";
	}
}

static const char *advise(const struct account *v) {
	if (v->transport != TRANSPORT_DONE) {
		return advise_transport(v->transport);
	}
	return v->verdict == VERDICT_KEY
		       ? "get a key from W&B (…/authorize), and put it in its place"
	       : v->verdict == VERDICT_AGAIN ? "wait: lines are kept and sent later"
					     : "see whether base_url is W&B's address";
}

static void say_answer(struct doctor *d, const char *base_url) {
	const struct account *v = &d->account;
	const char *source = d->credential.source;

	if (v->verdict != VERDICT_ACCEPTED) {
		char status[16] = "";
		if (v->status > 0) {
			snprintf(status, sizeof status, "%d ", v->status);
		}
		doctor_say(d, FINDING_FAIL, advise(v), "%s  key from %s: %s%s", base_url, source,
			status, v->words);
		return;
	}
	doctor_say(d, v->took_s > ANSWER_SLOW_S ? FINDING_WARN : FINDING_OK,
		v->took_s > ANSWER_SLOW_S ? "the way there is slow: see the proxy, or the network"
					  : NULL,
		"%s  authenticated as %s (entity %s), key from %s, answered in %.2f s", base_url,
		v->username[0] != '\0' ? v->username : "somebody",
		d->settings.wandb.entity != NULL ? d->settings.wandb.entity
		: v->entity[0] != '\0'           ? v->entity
						 : "unknown",
		source, v->took_s);
}

static void ask(struct doctor *d) {
	const char *base_url = d->settings.wandb.base_url;
	struct forward_options forward;

	wandb_setup(&d->settings.wandb, &d->credential, &forward);
	char words[256];
	int err = account_ask(
		&forward.http, base_url, d->credential.key, ANSWER_MAX_MS, &d->account, words);
	d->has_account = err == 0;
	if (err < 0) {
		doctor_say(d, FINDING_FAIL, NULL, "%s  it cannot be asked: %s", base_url, words);
		return;
	}
	say_answer(d, base_url);
}

/* What the daemon itself has seen, which may have another environment than we do. */
static void say_what_the_daemon_saw(struct doctor *d) {
	const char *alert = document_text(d->status, "daemon.forward.alert");
	const char *state = document_text(d->status, "daemon.forward.state");

	if (alert != NULL) {
		doctor_say(d, FINDING_FAIL, "`sae-metricsd status` says of each run how it stands",
			"%s", alert);
	} else if (state != NULL && strcmp(state, "waiting") == 0) {
		const char *words = document_text(d->status, "daemon.forward.words");
		doctor_say(d, FINDING_WARN,
			"nothing is lost: lines are kept, and it is tried again",
			"the daemon waits: %s", words != NULL ? words : "it does not say for what");
	}
}

void doctor_look_at_wandb(struct doctor *d) {
	if (d->has_settings && d->settings.wandb.mode != WANDB_MODE_ONLINE) {
		doctor_say(d, FINDING_OK, NULL, "%s",
			d->settings.wandb.mode == WANDB_MODE_OFF
				? "off: nothing is kept for it"
				: "offline: lines are kept for `sae-metricsd sync`");
		return;
	}
	if (!d->has_settings) {
		doctor_say(d, FINDING_UNSEEN, NULL, "not asked: the configuration cannot be used");
	} else if (d->is_system && geteuid() != 0) {
		doctor_say(d, FINDING_UNSEEN, "root sees it",
			"the key of the host's daemon is not for you");
	} else if (find_key(d)) {
		ask(d);
	}
	say_what_the_daemon_saw(d);
}
