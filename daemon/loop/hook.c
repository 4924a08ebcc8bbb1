#include "hook.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "descriptors.h"
#include "log.h"

#define SAY_EVERY_MS 60000u

static void next(struct hook *h);

/* ---- a call ---- */

static void free_environment(char **environment) {
	for (char **at = environment; at != NULL && *at != NULL; at++) {
		free(*at);
	}
	free(environment);
}

struct hook_call *hook_call_create(char **environment, char *input) {
	struct hook_call *call = calloc(1, sizeof *call);
	if (call == NULL || environment == NULL || input == NULL) {
		free_environment(environment);
		free(input);
		free(call);
		return NULL;
	}
	call->environment = environment;
	call->input = input;
	return call;
}

static void call_destroy(struct hook_call *call) {
	if (call != NULL) {
		free_environment(call->environment);
		free(call->input);
		free(call);
	}
}

/* ---- what is said ---- */

/* Once a minute: it may fail for each of a thousand runs. */
static void complain(struct hook *h, const char *what) {
	uint64_t now_ms = clock_mono_ms();
	if (h->said_ms != 0 && now_ms - h->said_ms < SAY_EVERY_MS) {
		h->unsaid++;
		return;
	}
	if (h->unsaid > 0) {
		log_warning("exec of [alerts]: %s %s (and %" PRIu64 " like that before)", h->path,
			what, h->unsaid);
	} else {
		log_warning("exec of [alerts]: %s %s", h->path, what);
	}
	h->said_ms = now_ms;
	h->unsaid = 0;
}

static void fail(struct hook *h, const char *what) {
	h->counts.failed++;
	complain(h, what);
}

static void judge(struct hook *h, int64_t exit_status, int term_signal) {
	char words[64];
	if (h->path == NULL || h->closing != NULL) {
		return; /* nobody wants to know any more */
	}
	if (h->is_late) {
		snprintf(words, sizeof words, "was killed after %u.%03u s", h->timeout_ms / 1000,
			h->timeout_ms % 1000);
		fail(h, words);
	} else if (term_signal != 0) {
		snprintf(words, sizeof words, "was ended by signal %d", term_signal);
		fail(h, words);
	} else if (exit_status != 0) {
		snprintf(words, sizeof words, "ended with exit code %d", (int)exit_status);
		fail(h, words);
	}
}

/* ---- the program ---- */

static void on_handle_closed(uv_handle_t *handle) {
	struct hook *h = handle->data;
	if (--h->n_open > 0) {
		return;
	}
	call_destroy(h->running);
	h->running = NULL;
	if (h->closing != NULL) {
		closing_release(h->closing);
	} else {
		next(h);
	}
}

static void close_handle(uv_handle_t *handle) {
	if (!uv_is_closing(handle)) {
		uv_close(handle, on_handle_closed);
	}
}

static void on_exit_of(uv_process_t *process, int64_t exit_status, int term_signal) {
	struct hook *h = process->data;
	judge(h, exit_status, term_signal);
	close_handle((uv_handle_t *)&h->process);
	close_handle((uv_handle_t *)&h->input);
	close_handle((uv_handle_t *)&h->deadline);
}

/* With what it started: it leads a session of its own. */
static void kill_it(struct hook *h) {
	(void)kill(-h->process.pid, SIGKILL);
}

static void on_late(uv_timer_t *timer) {
	struct hook *h = timer->data;
	h->is_late = true;
	kill_it(h);
}

/* A program that does not read is none the worse for it. */
static void on_written(uv_write_t *write, int status) {
	struct hook *h = write->data;
	(void)status;
	close_handle((uv_handle_t *)&h->input);
}

static int spawn(struct hook *h) {
	char *arguments[] = {h->path, NULL};
	uv_stdio_container_t stdio[3] = {
		{.flags = UV_CREATE_PIPE | UV_READABLE_PIPE,
			.data.stream = (uv_stream_t *)&h->input},
		{.flags = UV_IGNORE},
		{.flags = UV_INHERIT_FD,
			.data.fd = STDERR_FILENO}, /* what it says goes where ours goes */
	};
	const uv_process_options_t options = {
		.file = h->path,
		.args = arguments,
		.env = h->running->environment,
		.cwd = "/",
		.exit_cb = on_exit_of,
		.flags = UV_PROCESS_DETACHED,
		.stdio_count = 3,
		.stdio = stdio,
	};
	descriptors_keep_from_programs();
	return uv_spawn(h->loop, &h->process, &options);
}

static void begin(struct hook *h) {
	(void)uv_pipe_init(h->loop, &h->input, 0);
	(void)uv_timer_init(h->loop, &h->deadline);
	h->process.data = h->input.data = h->deadline.data = h->writing.data = h;
	h->n_open = 3;
	h->is_late = false;
	int err = spawn(h);
	if (err < 0) {
		char words[96];
		snprintf(words, sizeof words, "cannot be started: %s", uv_strerror(err));
		fail(h, words);
		close_handle((uv_handle_t *)&h->process);
		close_handle((uv_handle_t *)&h->input);
		close_handle((uv_handle_t *)&h->deadline);
		return;
	}
	h->counts.run++;
	uv_buf_t text = uv_buf_init(h->running->input, (unsigned)strlen(h->running->input));
	if (uv_write(&h->writing, (uv_stream_t *)&h->input, &text, 1, on_written) < 0) {
		close_handle((uv_handle_t *)&h->input);
	}
	uv_update_time(h->loop);
	(void)uv_timer_start(&h->deadline, on_late, h->timeout_ms, 0);
}

static void next(struct hook *h) {
	struct list *link = h->running == NULL ? list_take_first(&h->waiting) : NULL;
	if (link != NULL) {
		h->n_waiting--;
		h->running = container_of(link, struct hook_call, link);
		begin(h);
	}
}

/* ---- the face ---- */

void hook_init(struct hook *h, uv_loop_t *loop) {
	*h = (struct hook){.loop = loop};
	list_init(&h->waiting);
}

static void forget_waiting(struct hook *h) {
	for (struct list *link; (link = list_take_first(&h->waiting)) != NULL;) {
		call_destroy(container_of(link, struct hook_call, link));
	}
	h->n_waiting = 0;
}

int hook_set(struct hook *h, const char *path, uint32_t timeout_ms) {
	char *copy = path != NULL ? strdup(path) : NULL;
	if (path != NULL && copy == NULL) {
		return -ENOMEM;
	}
	if (path == NULL) {
		forget_waiting(h);
	}
	if (path == NULL || h->path == NULL || strcmp(path, h->path) != 0) {
		h->said_ms = h->unsaid = 0; /* what is wrong with another one is news */
	}
	free(h->path);
	h->path = copy;
	h->timeout_ms = timeout_ms;
	return 0;
}

bool hook_is_set(const struct hook *h) {
	return h->path != NULL;
}

void hook_tell(struct hook *h, struct hook_call *call) {
	if (h->path == NULL || h->closing != NULL) {
		call_destroy(call);
		return;
	}
	if (call == NULL || h->n_waiting == HOOK_WAITING_MAX) {
		h->counts.dropped++;
		complain(h, call == NULL ? "is not told of an alert: memory is short"
					 : "is not told of an alert: as many wait for it as may");
		call_destroy(call);
		return;
	}
	list_append(&h->waiting, &call->link);
	h->n_waiting++;
	next(h);
}

void hook_close(struct hook *h, struct closing *closing) {
	unsigned untold = h->n_waiting + (h->running != NULL);
	if (untold > 0 && h->path != NULL) {
		log_warning("exec of [alerts]: %s is not told of %u alert%s: the daemon ends",
			h->path, untold, untold == 1 ? "" : "s");
	}
	forget_waiting(h);
	if (h->running != NULL) {
		closing_hold(closing);
		h->closing = closing;
		if (uv_is_active((uv_handle_t *)&h->process)) {
			kill_it(h);
		}
	}
	free(h->path);
	h->path = NULL;
}
