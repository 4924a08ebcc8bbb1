/* What is set, judged as `serve` judges it. */
#include "doctor.h"

#include <stdio.h>

static void on_problem(void *user, const char *words) {
	struct doctor *d = user;

	doctor_say(d, FINDING_FAIL,
		"mend it: until then the daemon does not start, or keeps what was set before", "%s",
		words);
}

static void on_remark(void *user, const char *words) {
	struct doctor *d = user;

	doctor_say(d, FINDING_WARN, "see `sae-metricsd config`", "%s", words);
}

static void warn_of_lax(struct doctor *d) {
	const struct wandb_settings *w = &d->settings.wandb;

	if (w->insecure_tls) {
		doctor_say(d, FINDING_WARN, "name W&B's certificate in ca_file instead",
			"insecure_tls: the key goes to whoever answers in W&B's place");
	}
	if (w->allow_insecure_http) {
		doctor_say(d, FINDING_WARN, "use https://",
			"allow_insecure_http: who carries what is sent can read the key");
	}
}

void doctor_look_at_config(struct doctor *d) {
	const struct settings_options where = {
		.file = d->config, .is_system = d->is_system, .on_remark = on_remark};

	d->has_settings = settings_load(&where, on_problem, d, &d->settings) == 0;
	if (!d->has_settings) {
		return;
	}
	for (size_t i = 0; i < d->settings.files.n; i++) {
		doctor_say(d, FINDING_OK, NULL, "%s", d->settings.files.at[i]);
	}
	if (d->settings.files.n == 0) {
		doctor_say(d, FINDING_OK, NULL, "no file");
	}
	warn_of_lax(d);
}
