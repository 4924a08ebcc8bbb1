#include "session_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_MS 1000u

const struct server_limits server_default_limits = {
	.sessions_max = SERVER_SESSIONS_MAX,
	.sessions_per_user_max = SERVER_SESSIONS_PER_USER_MAX,
	.frame_bytes_per_user = SERVER_FRAME_BYTES_PER_USER,
	.greeting_ms = SERVER_GREETING_MS,
	.stall_ms = SERVER_STALL_MS,
	.end_ms = SERVER_END_MS,
};

static void on_timer(uv_timer_t *timer) {
	server_tick(timer->data, uv_now(timer->loop));
}

static void on_resumer(uv_idle_t *idle) {
	struct server *server = idle->data;
	struct list batch;

	/* Those that are resumed meanwhile come in the next turn. */
	(void)uv_idle_stop(idle);
	list_init(&batch);
	for (struct list *link; (link = list_take_first(&server->resuming)) != NULL;) {
		list_append(&batch, link);
	}
	for (struct list *link; (link = list_take_first(&batch)) != NULL;) {
		session_offer_again(container_of(link, struct session, resuming));
	}
}

void server_wake_resumer(struct server *server) {
	(void)uv_idle_start(&server->resumer, on_resumer);
}

int server_open(uv_loop_t *loop, const struct server_limits *limits,
	const struct session_callbacks *callbacks, void *user, struct server **ret) {
	struct server *server = calloc(1, sizeof *server);
	if (server == NULL) {
		return -ENOMEM;
	}
	server->loop = loop;
	server->limits = *limits;
	server->callbacks = callbacks;
	server->user = user;
	server->decoder = decoder_create();
	server->staging = malloc(STAGING_SIZE);
	if (server->decoder == NULL || server->staging == NULL) {
		decoder_destroy(server->decoder);
		free(server->staging);
		free(server);
		return -ENOMEM;
	}
	list_init(&server->sessions);
	list_init(&server->resuming);
	list_init(&server->accounts);
	(void)uv_timer_init(loop, &server->timer);
	(void)uv_idle_init(loop, &server->resumer);
	server->timer.data = server->resumer.data = server;
	(void)uv_timer_start(&server->timer, on_timer, TICK_MS, TICK_MS);
	*ret = server;
	return 0;
}

/* ---- accounts ---- */

static struct account *account_of(struct server *server, uid_t uid) {
	list_for_each(link, &server->accounts) {
		struct account *a = container_of(link, struct account, link);
		if (a->uid == uid) {
			return a;
		}
	}
	struct account *a = calloc(1, sizeof *a);
	if (a != NULL) {
		account_init(a, uid, server->limits.frame_bytes_per_user);
		list_append(&server->accounts, &a->link);
	}
	return a;
}

void server_admit(struct server *server, struct account *account) {
	struct intake *in;
	(void)server;

	while ((in = account_admit_next(account)) != NULL) {
		session_admitted(container_of(in, struct session, in));
	}
}

void server_trim(struct server *server, struct account *account) {
	list_for_each(link, &server->sessions) {
		struct session *s = container_of(link, struct session, link);
		if (s->account == account) {
			intake_trim(&s->in);
		}
	}
}

static void server_settle_end(struct server *server) {
	if (server->ending && list_empty(&server->sessions)) {
		server->ending = false;
		closing_release(&server->closing);
	}
}

void server_forget(struct server *server, struct session *s) {
	struct account *account = s->account;

	if (account != NULL) {
		server->stats.sessions--;
		account->n_sessions--;
		intake_finish(&s->in);
		server_admit(server, account);
		if (account->n_sessions == 0) {
			list_remove(&account->link);
			free(account);
		}
	}
	server_settle_end(server);
}

/* ---- connections ---- */

static int begin(struct session *s) {
	uv_os_fd_t fd;
	struct ucred peer;
	socklen_t len = sizeof peer;

	int err = uv_fileno((const uv_handle_t *)&s->pipe, &fd);
	if (err == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
		err = -errno;
	}
	struct account *account = err == 0 ? account_of(s->server, peer.uid) : NULL;
	if (account == NULL) {
		session_abandon(s);
		return err < 0 ? err : -ENOMEM;
	}
	session_begin(s, account, peer.uid, peer.pid);
	return 0;
}

int server_adopt(struct server *server, int fd) {
	struct session *s = session_create(server);
	if (s == NULL) {
		close(fd);
		return -ENOMEM;
	}
	int err = uv_pipe_open(&s->pipe, fd);
	if (err < 0) {
		close(fd);
		session_abandon(s);
		return err;
	}
	return begin(s);
}

int server_accept(struct server *server, uv_stream_t *listener) {
	struct session *s = session_create(server);
	if (s == NULL) {
		return -ENOMEM;
	}
	int err = uv_accept(listener, (uv_stream_t *)&s->pipe);
	if (err < 0) {
		session_abandon(s);
		return err;
	}
	return begin(s);
}

void server_tick(struct server *server, uint64_t now_ms) {
	list_for_each(link, &server->sessions) {
		session_tick(container_of(link, struct session, link), now_ms);
	}
}

void server_resume_all(struct server *server) {
	list_for_each(link, &server->sessions) {
		session_resume(container_of(link, struct session, link));
	}
}

const struct server_stats *server_stats(const struct server *server) {
	return &server->stats;
}

/* ---- the end ---- */

static void on_all_closed(void *user) {
	struct server *server = user;
	void (*on_closed)(void *) = server->on_closed;
	void *on_closed_user = server->on_closed_user;

	decoder_destroy(server->decoder);
	free(server->staging);
	free(server);
	on_closed(on_closed_user);
}

/* The deadline of the last answers is the tick's, so the timer goes last. */
static void on_sessions_closed(void *user) {
	struct server *server = user;

	closing_init(&server->closing, on_all_closed, server);
	closing_handle(&server->closing, (uv_handle_t *)&server->timer);
	closing_handle(&server->closing, (uv_handle_t *)&server->resumer);
	closing_release(&server->closing);
}

void server_close(struct server *server, void (*on_closed)(void *user), void *user) {
	server->on_closed = on_closed;
	server->on_closed_user = user;
	server->ending = true;
	closing_init(&server->closing, on_sessions_closed, server);
	list_for_each(link, &server->sessions) {
		session_end(container_of(link, struct session, link));
	}
	server_settle_end(server);
}
