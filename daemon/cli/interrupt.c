#include "interrupt.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

/* A signal handler has nothing but what is global. */
static atomic_bool interrupted;
static volatile sig_atomic_t interrupted_by;

static void on_signal(int signum) {
	interrupted_by = signum;
	atomic_store(&interrupted, true);
}

const atomic_bool *interrupt_watch(void) {
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	/* Once: whoever asks again shall not be kept waiting. */
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND | SA_RESTART};

	(void)sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct sigaction old;
		/* nohup has decided otherwise. */
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
			(void)sigaction(signals[i], &action, NULL);
		}
	}
	return &interrupted;
}

void interrupt_heed(void) {
	if (interrupted_by != 0) {
		(void)signal(interrupted_by, SIG_DFL);
		(void)raise(interrupted_by);
	}
}
