/* Who may begin something next. */
#include "clock.h"
#include "forward_private.h"

/* Visits share the disk worker with commits: one at a time is enough to keep requests coming. */
#define VISITS_MAX 2u

static void pump(struct forward *f);

/* Requests under way, and lines that wait in memory for one. */
static bool has_room(const struct forward *f) {
	return f->in_flight + f->n_loaded < (f->broken ? 1 : FORWARD_IN_FLIGHT_MAX);
}

static bool begin_visit(
	struct forwarded *run, enum courier_want want, uint64_t now_ns, uint64_t *when_ns) {
	struct forward *f = run->forward;
	uint64_t blocked_ns = f->budget.blocked_ns;
	bool may_fetch = has_room(f) && blocked_ns <= now_ns;
	if (want == COURIER_FETCH && !may_fetch) {
		*when_ns = blocked_ns > now_ns && blocked_ns < *when_ns ? blocked_ns : *when_ns;
		return false;
	}
	return f->visits < VISITS_MAX && forward_start_visit(run, may_fetch, now_ns);
}

static bool begin_request(
	struct forwarded *run, enum courier_want want, uint64_t now_ns, uint64_t *when_ns) {
	struct forward *f = run->forward;
	uint64_t due_ns = UINT64_MAX;
	bool has_lines = run->courier.n_lines > 0; /* which have their room already */
	if (!has_lines && !has_room(f)) {
		return false;
	}
	if (budget_take(&f->budget, now_ns, &due_ns)) {
		if (forward_start_request(run, want, now_ns)) {
			return true;
		}
		due_ns = run->courier.not_before_ns;
	}
	*when_ns = due_ns < *when_ns ? due_ns : *when_ns;
	return false;
}

/* True when something was begun. */
static bool take_turn(struct forwarded *run, uint64_t now_ns, uint64_t *when_ns) {
	uint64_t due_ns = UINT64_MAX;
	enum courier_want want = courier_next(&run->courier, now_ns, &due_ns);

	switch (want) {
	case COURIER_VISIT:
	case COURIER_FETCH:
		return begin_visit(run, want, now_ns, when_ns);
	case COURIER_UPSERT:
	case COURIER_STATUS:
	case COURIER_STREAM:
		return begin_request(run, want, now_ns, when_ns);
	case COURIER_NOTHING:
		break;
	}
	*when_ns = due_ns < *when_ns ? due_ns : *when_ns;
	return false;
}

static void on_due(uv_timer_t *timer) {
	pump(timer->data);
}

void forward_pump_soon(struct forward *f) {
	if (!f->closing) {
		(void)uv_timer_start(&f->due, on_due, 0, 0);
	}
}

static void wait_until(struct forward *f, uint64_t when_ns, uint64_t now_ns) {
	if (when_ns == UINT64_MAX) {
		(void)uv_timer_stop(&f->due);
		return;
	}
	uint64_t ms = when_ns <= now_ns ? 1 : (when_ns - now_ns) / NS_PER_MS + 1;
	uv_update_time(f->loop);
	(void)uv_timer_start(&f->due, on_due, ms, 0);
}

/* Lines that wait for their request, or are being fetched. */
static void count_loaded(struct forward *f) {
	f->n_loaded = 0;
	list_for_each(link, &f->runs) {
		const struct forwarded *run = container_of(link, struct forwarded, link);
		f->n_loaded += run->call == NULL && (run->courier.n_lines > 0 || run->fetching);
	}
}

/* Who has had his turn goes to the end, so that a long backlog keeps nobody waiting. */
static void pump(struct forward *f) {
	uint64_t now_ns = clock_boot_ns(), when_ns = UINT64_MAX;
	struct list served;

	if (f->closing) {
		return;
	}
	list_init(&served);
	count_loaded(f);
	list_for_each(link, &f->runs) {
		struct forwarded *run = container_of(link, struct forwarded, link);
		if (courier_done(&run->courier) && run->key_notes == 0) {
			list_remove(&run->link);
			forward_forget(run);
		} else if (take_turn(run, now_ns, &when_ns)) {
			list_remove(&run->link);
			list_append(&served, &run->link);
		}
	}
	for (struct list *link; (link = list_take_first(&served)) != NULL;) {
		list_append(&f->runs, link);
	}
	wait_until(f, when_ns, now_ns);
	if (f->callbacks.on_progress != NULL) {
		f->callbacks.on_progress(f->user);
	}
}
