/* The life of a connection, and what its owner asks of it. */
#include "session_private.h"

#include <stdlib.h>
#include <sys/ioctl.h>

struct session *session_create(struct server *server) {
	struct session *s = calloc(1, sizeof *s);
	if (s == NULL) {
		return NULL;
	}
	s->server = server;
	int err = uv_pipe_init(server->loop, &s->pipe, 0);
	if (err < 0) {
		free(s);
		return NULL;
	}
	s->pipe.data = s;
	list_append(&server->sessions, &s->link);
	return s;
}

void session_begin(struct session *s, struct account *account, uid_t uid, pid_t pid) {
	struct server *server = s->server;

	s->uid = uid;
	s->pid = pid;
	s->account = account;
	intake_init(&s->in, account);
	account->n_sessions++;
	server->stats.sessions++;
	s->began_ms = uv_now(server->loop);
	session_arrange_reading(s);
}

void session_establish(struct session *s, uint64_t payload_len_max) {
	s->established = true;
	s->payload_len_max = payload_len_max;
}

static void on_handle_closed(uv_handle_t *handle) {
	struct session *s = handle->data;
	struct server *server = s->server;

	if (s->account != NULL) {
		server->callbacks->on_closed(server->user, s);
	}
	buf_finish(&s->pending);
	list_remove(&s->link);
	server_forget(server, s);
	free(s);
}

static void close_handle(struct session *s) {
	s->phase = PHASE_CLOSING;
	list_remove(&s->resuming);
	list_remove(&s->resting);
	uv_close((uv_handle_t *)&s->pipe, on_handle_closed);
}

void session_abandon(struct session *s) {
	close_handle(s);
}

void session_close(struct session *s) {
	if (s->phase != PHASE_CLOSING) {
		close_handle(s);
	}
}

void session_end(struct session *s) {
	if (s->phase != PHASE_OPEN) {
		return;
	}
	s->phase = PHASE_ENDING;
	s->began_ms = uv_now(s->server->loop);
	session_arrange_reading(s);
	session_flush(s);
	if (s->phase == PHASE_ENDING && session_all_written(s)) {
		session_close(s);
	}
}

/* ---- what its owner asks ---- */

void session_set_user(struct session *s, void *user) {
	s->user = user;
}

void *session_user(const struct session *s) {
	return s->user;
}

uid_t session_uid(const struct session *s) {
	return s->uid;
}

pid_t session_pid(const struct session *s) {
	return s->pid;
}

uint64_t session_bytes(const struct session *s) {
	return s->received;
}

bool session_drained(const struct session *s) {
	int unread = 0;
	uv_os_fd_t fd;

	if (s->in.len > 0 || uv_fileno((const uv_handle_t *)&s->pipe, &fd) < 0) {
		return s->in.len == 0;
	}
	return ioctl(fd, FIONREAD, &unread) < 0 || unread == 0;
}
