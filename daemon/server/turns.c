/* Whose turn it is: each user is read for so long a turn of the loop, and who has used that up waits for the turns after.
 *
 * What counts is the loop's time, for that is what users take from each other: a flood of small messages, one that is large,
 * bytes that mean nothing, runs opened and closed all cost what they cost. A user's credit grows by a quantum a turn and
 * never beyond it; what a message costs is known only behind it, so that a credit may fall below nothing and is paid off in
 * the turns that follow (a deficit round robin over users). Turns pass as fast as the others let them: alone, nobody
 * waits. With one user the clock is not even read.
 *
 * On a machine without a free processor a loop that never sleeps takes it from the disk's worker and from trainers, for as long as the
 * scheduler lets it: some milliseconds. So a loop that has worked for a while for those whose turn was over pauses, and so
 * do they; it sleeps until somebody else has something to say. Between two pauses each of them has a turn. */
#include "session_private.h"

#include "clock.h"

/* Small beside a commit, which every ack waits for; large beside what a turn costs, some microseconds. */
#define QUANTUM_NS 150000
/* The kernel's part of a read, which is over when we are called: a call, and the copy at some 8 GB/s. */
#define READ_NS           1000
#define READ_BYTES_PER_NS 8u
/* So much work, then a pause: well below what a scheduler gives at a time. As the loop's clock counts whole milliseconds, it is half of one on
 * average where others keep waking the loop, and a whole one, and a little, where nobody does. */
#define WORK_NS  500000u
#define PAUSE_MS 1u
/* Of a user with ten thousand connections no more are looked at in a turn: the others wait for it. */
#define RESUMED_A_TURN 64u

static uint64_t now_ns(const struct server *server) {
	return server->limits.now_ns != NULL ? server->limits.now_ns() : clock_mono_ns();
}

static bool is_shared(const struct server *server) {
	return server->n_accounts > 1;
}

bool account_is_broke(const struct account *a) {
	return list_linked(&a->broke);
}

bool server_pauses(const struct server *server) {
	return server->pauses;
}

static void stay_awake(uv_idle_t *idle) {
	(void)idle;
}

/* Somebody's turn is over, by what took used_ns. Where each message is more than that, he is in debt for a moment each: it is
 * one stretch of work nevertheless, unless the loop has waited in between. */
static void be_awake(struct server *server, uint64_t used_ns) {
	if (server->pauses || uv_is_active((uv_handle_t *)&server->awake)) {
		return;
	}
	uint64_t now = now_ns(server);
	if (now - server->asleep_ns > used_ns + QUANTUM_NS) {
		server->awake_since_ns = now - used_ns;
	}
	(void)uv_idle_start(&server->awake, stay_awake);
}

static void may_sleep(struct server *server) {
	if (uv_is_active((uv_handle_t *)&server->awake)) {
		server->asleep_ns = now_ns(server);
		(void)uv_idle_stop(&server->awake);
	}
}

static void on_pause_over(uv_timer_t *timer) {
	struct server *server = timer->data;

	server->pauses = false;
	server->paused_turn = server->turn;
	server->awake_since_ns = now_ns(server);
	(void)uv_idle_start(&server->awake, stay_awake); /* until nobody's turn is over */
	if (!list_empty(&server->resuming)) {
		server_wake_resumer(server);
	}
}

static bool is_to_pause(struct server *server) {
	return !server->pauses && is_shared(server) && !list_empty(&server->broke) &&
	       server->turn - server->paused_turn > 1 &&
	       now_ns(server) - server->awake_since_ns >= WORK_NS;
}

static void pause_now(struct server *server) {
	server->pauses = true;
	(void)uv_idle_stop(&server->awake);
	uv_update_time(server->loop);
	(void)uv_timer_start(&server->pause, on_pause_over, PAUSE_MS, 0);
}

/* What the turns since brought him. */
static void refill(const struct server *server, struct account *a) {
	uint64_t turns = server->turn - a->turn;
	int64_t more = turns < INT32_MAX ? (int64_t)turns * QUANTUM_NS : QUANTUM_NS;

	a->turn = server->turn;
	a->credit_ns = turns >= INT32_MAX || a->credit_ns + more > QUANTUM_NS ? QUANTUM_NS
									      : a->credit_ns + more;
}

void account_spend(struct server *server, struct account *a, uint64_t ns) {
	if (!is_shared(server)) {
		return;
	}
	refill(server, a);
	a->credit_ns -= ns < INT64_MAX / 2 ? (int64_t)ns : INT64_MAX / 2;
	if (a->credit_ns <= 0 && !account_is_broke(a)) {
		list_append(&server->broke, &a->broke);
		be_awake(server, (uint64_t)(QUANTUM_NS - a->credit_ns));
	}
}

void session_spend(struct session *s, uint64_t ns) {
	account_spend(s->server, s->account, ns);
}

void turn_begin(struct session *s, size_t n_read) {
	if (is_shared(s->server)) {
		s->server->accounted_ns = now_ns(s->server);
		account_spend(s->server, s->account,
			n_read > 0 ? READ_NS + n_read / READ_BYTES_PER_NS : 0);
	}
}

bool turn_goes_on(struct session *s) {
	struct server *server = s->server;
	if (!is_shared(server)) {
		return true;
	}
	uint64_t now = now_ns(server);
	account_spend(server, s->account, now - server->accounted_ns);
	server->accounted_ns = now;
	return !account_is_broke(s->account);
}

void session_rest(struct session *s) {
	if (!list_linked(&s->resting)) {
		list_append(&s->account->resting, &s->resting);
	}
}

static void resume_some(struct server *server, struct account *a) {
	for (uint32_t i = 0; i < RESUMED_A_TURN && a->credit_ns > 0; i++) {
		struct list *link = list_take_first(&a->resting);
		if (link == NULL) {
			return;
		}
		session_rested(container_of(link, struct session, resting));
		(void)server;
	}
}

static void on_turn(uv_prepare_t *prepare) {
	struct server *server = prepare->data;
	struct list batch;

	server->turn++;
	if (is_to_pause(server)) {
		pause_now(server);
	}
	if (server->pauses) {
		return;
	}
	list_init(&batch);
	for (struct list *link; (link = list_take_first(&server->broke)) != NULL;) {
		list_append(&batch, link);
	}
	for (struct list *link; (link = list_take_first(&batch)) != NULL;) {
		struct account *a = container_of(link, struct account, broke);
		refill(server, a);
		a->credit_ns = is_shared(server) ? a->credit_ns : QUANTUM_NS;
		if (a->credit_ns > 0) {
			resume_some(server, a);
		}
		bool waits = a->credit_ns <= 0 || !list_empty(&a->resting);
		if (waits && !account_is_broke(a)) {
			list_append(&server->broke, &a->broke);
		}
		server_settle_account(server, a);
	}
	if (list_empty(&server->broke)) {
		may_sleep(server);
	}
}

void turns_open(struct server *server) {
	list_init(&server->broke);
	(void)uv_prepare_init(server->loop, &server->turns);
	(void)uv_idle_init(server->loop, &server->awake);
	(void)uv_timer_init(server->loop, &server->pause);
	server->turns.data = server->awake.data = server->pause.data = server;
	(void)uv_prepare_start(&server->turns, on_turn);
}

void turns_close(struct server *server, struct closing *closing) {
	closing_handle(closing, (uv_handle_t *)&server->turns);
	closing_handle(closing, (uv_handle_t *)&server->awake);
	closing_handle(closing, (uv_handle_t *)&server->pause);
}
