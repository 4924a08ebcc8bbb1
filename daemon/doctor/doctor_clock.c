#include "doctor_clock.h"

#include <math.h>
#include <stdio.h>
#include <sys/timex.h>

#include "format.h"

static enum clock_sync look(void) {
	struct timex t = {0};
	int state = adjtimex(&t);

	return state < 0                                             ? CLOCK_UNSEEN
	       : state == TIME_ERROR || (t.status & STA_UNSYNC) != 0 ? CLOCK_NOT_SYNCED
								     : CLOCK_SYNCED;
}

void doctor_judge_clock(struct doctor *d, enum clock_sync sync, double ahead_s) {
	char skew[FORMAT_MAX];
	double off_s = fabs(ahead_s);

	if (off_s > CLOCK_SKEW_WARN_S) {
		doctor_say(d, off_s > CLOCK_SKEW_FAIL_S ? FINDING_FAIL : FINDING_WARN,
			"set it, and have chrony or systemd-timesyncd keep it",
			"it is %s %s W&B's: times of runs are off", format_duration(skew, off_s),
			ahead_s > 0 ? "behind" : "ahead of");
	} else if (sync == CLOCK_NOT_SYNCED) {
		doctor_say(d, FINDING_WARN,
			"start chrony or systemd-timesyncd (on the host, in a container)",
			"not synchronised: times of runs may be off%s",
			isnan(ahead_s) ? "" : "; now it agrees with W&B's");
	} else if (sync == CLOCK_UNSEEN) {
		doctor_say(
			d, FINDING_UNSEEN, NULL, "whether it is synchronised cannot be seen here");
	} else {
		doctor_say(d, FINDING_OK, NULL, "synchronised%s",
			isnan(ahead_s) ? "" : ", and agrees with W&B's");
	}
}

void doctor_look_at_clock(struct doctor *d) {
	bool knows = d->has_account && d->account.has_clock;

	doctor_judge_clock(d, look(), knows ? d->account.clock_ahead_s : NAN);
}
