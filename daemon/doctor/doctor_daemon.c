/* Whether the daemon answers, how soon, and whether it is the one of this program. */
#include "doctor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor_words.h"
#include "document.h"
#include "format.h"
#include "message.h"

/* It answers between two commits. */
#define ANSWER_SLOW_S 1.0
/* A commit is made every 5 s, or every 30 s on a busy disk. */
#define COMMIT_LAG_MAX_S 60.0

static void say_silent(struct doctor *d) {
	static const char advice[] = "see what is said of the socket";

	if (d->answer == ASK_NO_DAEMON) {
		doctor_say(d, FINDING_FAIL, advice, "none answers: %s", d->answer_words);
	} else if (access(d->socket, W_OK) < 0 && errno == EACCES) {
		doctor_say(d, FINDING_UNSEEN, advice, "not asked: you may not connect");
	} else {
		doctor_say(d, FINDING_FAIL,
			d->is_system ? "look at its log: `journalctl -u sae-metricsd`"
				     : "look at its log: sae-metricsd.log beside its database",
			"it is there and gives no answer: %s", d->answer_words);
	}
}

static void say_who(struct doctor *d, const json_t *daemon) {
	const char *version = document_text(daemon, "version");
	char uptime[FORMAT_MAX];

	format_duration(uptime, document_count(daemon, "uptime_s"));
	if (version == NULL || strcmp(version, SAE_METRICSD_VERSION) != 0) {
		doctor_say(d, FINDING_WARN,
			"restart it (trainers wait for it and lose nothing), or use its own "
			"program",
			"it is version %s, and this program is " SAE_METRICSD_VERSION,
			version != NULL ? version : "unknown");
		return;
	}
	char runs[DOCTOR_WORDS_MAX] = "";
	double open, running; /* of several users' daemon for its administrators alone */
	if (document_number(daemon, "open_runs", &open) &&
		document_number(daemon, "running_runs", &running)) {
		snprintf(runs, sizeof runs, "; %.0f run%s open (%.0f running)", open,
			open == 1 ? "" : "s", running);
	}
	doctor_say(d, FINDING_OK, NULL,
		"version %s, protocol %u, pid %.0f, up %s, answered in %.0f ms%s", version,
		PROTO_VERSION_MAX, document_count(daemon, "pid"), uptime, d->answer_s * 1000, runs);
}

void doctor_look_at_daemon(struct doctor *d) {
	const json_t *daemon = document_at(d->status, "daemon");
	const char *trouble = document_text(daemon, "trouble");
	const char *cadence = document_text(daemon, "cadence");
	char age[FORMAT_MAX];

	if (d->status == NULL) {
		say_silent(d);
		return;
	}
	say_who(d, daemon);
	if (d->answer_s > ANSWER_SLOW_S) {
		doctor_say(d, FINDING_WARN, "see what else the disk and the processors do",
			"it took %.1f s to answer", d->answer_s);
	}
	if (trouble != NULL) {
		doctor_say(d, FINDING_FAIL,
			"nothing that was acked is lost; mend that, and it goes on", "%s", trouble);
	} else if (document_count(daemon, "commit_lag_s") > COMMIT_LAG_MAX_S) {
		doctor_say(d, FINDING_FAIL, "see what holds up the disk",
			"the oldest change that is not on disk is %s old",
			format_duration(age, document_count(daemon, "commit_lag_s")));
	}
	if (cadence != NULL) {
		doctor_say(d, FINDING_WARN, "nothing is lost; acks come later", "%s", cadence);
	}
}
