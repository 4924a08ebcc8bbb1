#include "signals.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

static void on_signal(uv_signal_t *handle, int signum) {
	struct signals *s = handle->data;

	if (s->asked != 0) {
		log_warning("sae-metricsd: %s again: ending at once; what is not committed will be "
			    "sent again",
			strsignal(signum));
		_exit(128 + signum);
	}
	s->asked = signum;
	s->on_end(s->user, signum);
}

static int start(struct signals *s, uv_signal_t *handle, int signum) {
	handle->data = s;
	return uv_signal_start(handle, on_signal, signum);
}

int signals_open(
	struct signals *s, uv_loop_t *loop, void (*on_end)(void *user, int signum), void *user) {
	*s = (struct signals){.on_end = on_end, .user = user};
	/* A limit on the size of files is an error of the write, which is kept for a better time. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR) {
		return -EINVAL;
	}

	/* Neither can fail: they only register with the loop. */
	(void)uv_signal_init(loop, &s->terminate);
	(void)uv_signal_init(loop, &s->interrupt);
	int err = start(s, &s->terminate, SIGTERM);
	return err < 0 ? err : start(s, &s->interrupt, SIGINT);
}

void signals_close(struct signals *s, struct closing *closing) {
	closing_handle(closing, (uv_handle_t *)&s->terminate);
	closing_handle(closing, (uv_handle_t *)&s->interrupt);
}
