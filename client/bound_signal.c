/* A handler that an interpreter installs runs when the interpreter gets to it, which may be never: its
 * main thread waits for a device, or for a peer that is dead. The default action would have ended the
 * process. So the signal starts a timer of the kernel's, and its end is the default action. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "sae_metrics.h"

static struct {
	struct sigaction before; /* the handler that is to end the process */
	struct itimerspec patience;
	timer_t timer;
	pid_t pid; /* whose timer it is: a forked child has none */
	volatile sig_atomic_t running;
} bound;

/* From here on nothing is called but what a handler may call. */
static void die_of(int number) {
	if (getpid() == 1) { /* a container's first process, which the kernel keeps from dying so */
		_exit(128 + number);
	}
	(void)signal(number, SIG_DFL);
	(void)kill(getpid(), number); /* once this handler has returned */
}

static void on_signal(int number, siginfo_t *info, void *context) {
	int error = errno;
	bool is_over = info->si_code == SI_TIMER && info->si_value.sival_ptr == &bound;

	if (is_over) {
		die_of(number);
	} else if (!bound.running && bound.pid == getpid()) {
		bound.running = 1;
		(void)timer_settime(bound.timer, 0, &bound.patience, NULL);
	}
	errno = error;
	if (is_over) {
		return;
	}
	if ((bound.before.sa_flags & SA_SIGINFO) != 0) {
		bound.before.sa_sigaction(number, info, context);
	} else {
		bound.before.sa_handler(number);
	}
}

static int make_timer(void) {
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGTERM};

	if (bound.pid == getpid()) {
		return 0;
	}
	event.sigev_value.sival_ptr = &bound;
	if (timer_create(CLOCK_MONOTONIC, &event, &bound.timer) < 0) {
		return -errno;
	}
	bound.pid = getpid();
	bound.running = 0;
	return 0;
}

int saem_bound_sigterm(uint32_t timeout_ms) {
	struct sigaction now;
	if (sigaction(SIGTERM, NULL, &now) < 0) {
		return -errno;
	}
	if (now.sa_handler == SIG_DFL || now.sa_handler == SIG_IGN) {
		return -EINVAL;
	}
	int status = make_timer();
	if (status < 0) {
		return status;
	}

	bound.patience.it_value.tv_sec = timeout_ms / 1000;
	bound.patience.it_value.tv_nsec =
		(long)(timeout_ms % 1000) * 1000000 + 1; /* 0 would be never */
	if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_signal) {
		return 0;
	}
	bound.before = now;
	now.sa_sigaction = on_signal;
	now.sa_flags |= SA_SIGINFO;
	return sigaction(SIGTERM, &now, NULL) < 0 ? -errno : 0;
}
