#include "signals.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

static bool has_terminal(void) {
	int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0) {
		(void)close(fd);
	}
	return fd >= 0;
}

static void on_signal(uv_signal_t *handle, int signum) {
	struct signals *s = handle->data;

	if (s->asked != 0) {
		log_warning("sae-metricsd: %s again: ending at once; what is not committed will be "
			    "sent again",
			strsignal(signum));
		_exit(128 + signum);
	}
	s->asked = signum;
	s->callbacks->on_end(s->user, signum);
}

static void on_hangup(uv_signal_t *handle, int signum) {
	struct signals *s = handle->data;

	if (!s->has_terminal || has_terminal()) {
		s->callbacks->on_reload(s->user);
	} else if (s->asked == 0) {
		on_signal(handle, signum);
	}
}

static int start(struct signals *s, uv_signal_t *handle, uv_signal_cb on_it, int signum) {
	handle->data = s;
	return uv_signal_start(handle, on_it, signum);
}

int signals_open(
	struct signals *s, uv_loop_t *loop, const struct signals_callbacks *callbacks, void *user) {
	*s = (struct signals){.callbacks = callbacks, .user = user, .has_terminal = has_terminal()};
	/* A limit on the size of files is an error of the write, which is kept for a better time. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR) {
		return -EINVAL;
	}

	/* Neither can fail: they only register with the loop. */
	(void)uv_signal_init(loop, &s->terminate);
	(void)uv_signal_init(loop, &s->interrupt);
	(void)uv_signal_init(loop, &s->hangup);
	int err = start(s, &s->terminate, on_signal, SIGTERM);
	if (err == 0) {
		err = start(s, &s->interrupt, on_signal, SIGINT);
	}
	return err < 0 ? err : start(s, &s->hangup, on_hangup, SIGHUP);
}

void signals_close(struct signals *s, struct closing *closing) {
	closing_handle(closing, (uv_handle_t *)&s->terminate);
	closing_handle(closing, (uv_handle_t *)&s->interrupt);
	closing_handle(closing, (uv_handle_t *)&s->hangup);
}
