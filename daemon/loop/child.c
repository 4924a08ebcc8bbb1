#include "child.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "descriptors.h"

struct child {
	struct child_options options;
	uv_process_t process;
	uv_pipe_t in, out;
	uv_timer_t deadline;
	uv_write_t write;
	char *text, piece[65536];
	bool has_exited, has_said_all, is_killed;
	struct child_result result;
	struct closing closing, *of; /* of: whoever waits until it is gone; NULL: nobody */
	bool is_silent;
};

/* ---- its end ---- */

static void on_gone(void *user) {
	struct child *c = user;
	struct closing *of = c->of;

	if (!c->is_silent) {
		c->options.on_ended(c->options.user, &c->result);
	}
	buf_finish(&c->result.said);
	free(c->text);
	free(c);
	if (of != NULL) {
		closing_release(of);
	}
}

static void end(struct child *c) {
	closing_init(&c->closing, on_gone, c);
	closing_handle(&c->closing, (uv_handle_t *)&c->process);
	closing_handle(&c->closing, (uv_handle_t *)&c->in);
	closing_handle(&c->closing, (uv_handle_t *)&c->out);
	closing_handle(&c->closing, (uv_handle_t *)&c->deadline);
	closing_release(&c->closing);
}

static void check_end(struct child *c) {
	if (c->has_exited && c->has_said_all) {
		end(c);
	}
}

static void on_exit_(uv_process_t *process, int64_t status, int signum) {
	struct child *c = process->data;

	c->has_exited = true;
	c->has_said_all |= c->is_killed; /* as in child_kill */
	c->result.exit_status = (int)status;
	c->result.signal = signum;
	check_end(c);
}

void child_kill(struct child *c) {
	if (!c->has_exited) {
		c->is_killed = true;
		(void)uv_process_kill(&c->process, SIGKILL);
	} else if (!c->has_said_all) {
		c->has_said_all = true; /* what it has started may hold its stdout for ever */
		check_end(c);
	}
}

void child_close(struct child *c, struct closing *closing) {
	closing_hold(closing);
	c->of = closing;
	c->is_silent = true;
	child_kill(c);
}

static void on_deadline(uv_timer_t *timer) {
	struct child *c = timer->data;

	c->result.is_late = true;
	child_kill(c);
}

/* ---- what it says ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
	struct child *c = handle->data;
	(void)suggested;

	*ret = uv_buf_init(c->piece, sizeof c->piece);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *piece) {
	struct child *c = stream->data;

	if (n < 0) {
		c->has_said_all = true;
		check_end(c);
		return;
	}
	if (c->result.said.len + (size_t)n > c->options.said_max ||
		buf_append(&c->result.said, piece->base, (size_t)n) < 0) {
		c->result.is_too_long = true;
		child_kill(c);
	}
}

/* What it is given ends there; that it has ended before is told otherwise. */
static void on_written(uv_write_t *write, int status) {
	struct child *c = write->data;
	(void)status;

	if (!uv_is_closing((uv_handle_t *)&c->in)) {
		int fd;
		if (uv_fileno((const uv_handle_t *)&c->in, &fd) == 0) {
			(void)shutdown(fd, SHUT_WR);
		}
	}
}

/* ---- its beginning ---- */

static int spawn(uv_loop_t *loop, struct child *c) {
	uv_stdio_container_t stdio[] = {
		{.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&c->in},
		{.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&c->out},
		{.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
	};
	const uv_process_options_t options = {
		.exit_cb = on_exit_,
		.file = c->options.argv[0],
		/* Not changed: the C library declares it so, too. */
		.args = (char **)(uintptr_t)c->options.argv,
		.stdio = stdio,
		.stdio_count = 3,
	};
	descriptors_keep_from_programs();
	int err = uv_spawn(loop, &c->process, &options);

	if (err < 0) {
		return err;
	}
	const uv_buf_t text = uv_buf_init(c->text, (unsigned)c->options.len);
	(void)uv_write(&c->write, (uv_stream_t *)&c->in, &text, 1, on_written);
	(void)uv_read_start((uv_stream_t *)&c->out, on_alloc, on_read);
	(void)uv_timer_start(&c->deadline, on_deadline, c->options.timeout_ms, 0);
	return 0;
}

int child_begin(uv_loop_t *loop, const struct child_options *options, struct child **ret) {
	struct child *c = calloc(1, sizeof *c);

	if (c == NULL || (c->text = malloc(options->len + 1)) == NULL) {
		free(c);
		return -ENOMEM;
	}
	memcpy(c->text, options->text, options->len);
	c->options = *options;
	(void)uv_pipe_init(loop, &c->in, 0);
	(void)uv_pipe_init(loop, &c->out, 0);
	(void)uv_timer_init(loop, &c->deadline);
	c->process.data = c->in.data = c->out.data = c->deadline.data = c->write.data = c;
	c->result.err = spawn(loop, c);
	if (c->result.err < 0) {
		c->has_exited = c->has_said_all = true;
		end(c);
	}
	*ret = c;
	return 0;
}
