#include "session_private.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "encode.h"

#define TICK_MS 1000u

#define TOO_MANY_RETRY_MS 5000u
#define REFUSAL_SIZE      512u /* one of a sentence */
#define ACCEPT_NS                                                                                  \
	20000u /* what a connection costs the loop, come and gone; a refused one half of it */

const struct server_limits server_default_limits = {
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
		struct session *s = container_of(link, struct session, resuming);
		if (account_is_broke(s->account)) {
			list_append(&server->resuming, link);
		} else {
			session_offer_again(s);
		}
	}
	if (!list_empty(&server->resuming) && !server_pauses(server)) {
		server_wake_resumer(server);
	}
}

void server_wake_resumer(struct server *server) {
	(void)uv_idle_start(&server->resumer, on_resumer);
}

int server_open(uv_loop_t *loop, const struct server_limits *limits, struct ledger *ledger,
	const struct session_callbacks *callbacks, void *user, struct server **ret) {
	struct server *server = calloc(1, sizeof *server);
	if (server == NULL) {
		return -ENOMEM;
	}
	server->loop = loop;
	server->limits = *limits;
	server->ledger = ledger;
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
	turns_open(server);
	*ret = server;
	return 0;
}

/* ---- accounts ---- */

static struct account *account_of(struct server *server, uid_t uid) {
	list_for_each(link, &server->accounts) {
		struct account *a = container_of(link, struct account, link);
		if (a->holder->uid == uid) {
			return a;
		}
	}
	struct account *a = calloc(1, sizeof *a);
	struct holder *holder = a != NULL ? ledger_holder(server->ledger, uid) : NULL;
	if (holder == NULL) {
		free(a);
		return NULL;
	}
	account_init(a, holder);
	list_append(&server->accounts, &a->link);
	server->n_accounts++;
	return a;
}

static void account_destroy(struct server *server, struct account *a) {
	server->n_accounts--;
	list_remove(&a->broke);
	list_remove(&a->link);
	holder_release(a->holder);
	free(a);
}

void server_settle_account(struct server *server, struct account *account) {
	if (account->n_sessions == 0 && !account_is_broke(account)) {
		account_destroy(server, account);
	}
}

void server_admit(struct server *server, struct account *account) {
	struct intake *in;
	(void)server;

	while ((in = account_admit_next(account)) != NULL) {
		session_admitted(container_of(in, struct session, in));
	}
}

void server_admit_waiting(struct server *server) {
	list_for_each(link, &server->accounts) {
		struct account *account = container_of(link, struct account, link);
		if (!list_empty(&account->waiting)) {
			server_admit(server, account);
		}
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
		ledger_give(account->holder, HOLDING_CONNECTIONS, 1);
		server_admit(server, account);
		server_settle_account(server, account);
	}
	server_settle_end(server);
}

/* ---- connections ---- */

/* In one call, and without a session: who comes ten thousand times is to cost little each time. */
static void refuse_raw(struct server *server, int fd, const char *words, uint64_t limit) {
	uint8_t frame[REFUSAL_SIZE];
	const struct message m = {.type = MSG_REFUSAL,
		.refusal = {.code = REFUSE_TOO_MANY,
			.has_limit = limit > 0,
			.limit = limit,
			.has_retry = true,
			.retry_after_ms = TOO_MANY_RETRY_MS,
			.words = text_of(words, strlen(words))}};

	server->stats.refused[REFUSE_TOO_MANY]++;
	size_t len = encode(&m, 0, frame, sizeof frame);
	(void)send(fd, frame, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

void server_turn_away(struct server *server, int fd) {
	server->stats.accepted++;
	refuse_raw(server, fd,
		"the daemon has no file descriptor left for another connection; it is tried again",
		0);
}

static int begin(struct server *server, struct account *account, int fd, uid_t uid, pid_t pid) {
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
	ledger_add(account->holder, HOLDING_CONNECTIONS, 1);
	session_begin(s, account, uid, pid);
	return 0;
}

static void refuse_too_many(
	struct server *server, const struct account *account, int fd, enum ledger_answer answer) {
	char said[LEDGER_WORDS_MAX], words[LEDGER_WORDS_MAX + 32];
	uint64_t limit = ledger_say(account->holder, HOLDING_CONNECTIONS, answer, said);

	(void)snprintf(words, sizeof words, "%s; it is tried again", said);
	refuse_raw(server, fd, words, limit);
}

int server_adopt_from(struct server *server, int fd, uid_t uid, pid_t pid) {
	struct account *account = account_of(server, uid);
	int err = 0;

	if (account == NULL) {
		close(fd);
		return -ENOMEM;
	}
	server->stats.accepted++;
	enum ledger_answer answer = ledger_ask(account->holder, HOLDING_CONNECTIONS, 1);
	if (answer == LEDGER_TAKEN) {
		err = begin(server, account, fd, uid, pid);
	} else {
		ledger_count_refusal(account->holder, HOLDING_CONNECTIONS);
		refuse_too_many(server, account, fd, answer);
	}
	account_spend(server, account, ACCEPT_NS);
	server_settle_account(server, account);
	return err;
}

int server_adopt(struct server *server, int fd) {
	struct ucred peer;
	socklen_t len = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
		int err = -errno;
		close(fd);
		return err;
	}
	return server_adopt_from(server, fd, peer.uid, peer.pid);
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

	list_for_each(link, &server->accounts) {
		account_destroy(server, container_of(link, struct account, link)); /* with a debt */
	}
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
	turns_close(server, &server->closing);
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
