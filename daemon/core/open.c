/* OPEN: who may feed which run, from where. All that can be refused is refused before anything
 * changes. */
#include "open_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry_private.h"
#include "run.h"
#include "stream.h"

#define OUTBOX_RECOMMENDED (64u << 20)
#define OUTBOX_FRAMES      16u

/* ---- the answer ---- */

/* Of a run without STEPs it is the newest it logged for: whoever logs without steps goes on behind it. */
static int64_t newest_step(const struct run *run) {
	return run->position.has_step ? (int64_t)run->position.step
				      : lines_newest_step(&run->lines);
}

static void answer(const struct stream *s, struct msg_opened *ret) {
	const struct run *run = s->run;
	const char *name = run->facts.text[FACT_NAME];
	uint64_t frames = OUTBOX_FRAMES * (4ull * run->d_sae + 4096);
	int64_t newest = newest_step(run);

	*ret = (struct msg_opened){
		.durable = s->durable,
		.wanted = s->received + 1,
		.has_last_step = newest >= 0,
		.last_step = newest < 0 ? 0 : (uint32_t)newest,
		.attempt = run->begun ? run->attempt : run->attempt + 1,
		.resumed = run->resumed,
		.outbox_bytes = frames > OUTBOX_RECOMMENDED ? frames : OUTBOX_RECOMMENDED,
		.name = text_of(name, strlen(name)),
	};
}

/* ---- the run ---- */

static bool is_past_stream(const struct opening *in) {
	return in->run != NULL && !in->same_launch && in->stream != NULL;
}

static int open_past_stream(struct opening *in, struct stream **ret) {
	opening_connect(in, in->stream);
	*ret = in->stream;
	return 0;
}

static int open_run(struct opening *in, struct stream **ret) {
	struct run *run = in->run;
	bool existed = run != NULL;

	if (!existed) {
		run = run_create(in->registry, in->open->run, in->peer->uid, in->open->d_sae);
		if (run == NULL) {
			return -ENOMEM;
		}
		registry_add_run(in->registry, run);
	}
	int err = opening_charge(in, run) ? 0 : 1;
	if (err == 0 && !existed) {
		err = run_make_arrays(run);
	}
	if (err == 0) {
		err = opening_take_launch(in, run, existed);
	}
	if (err == 0) {
		err = opening_take_stream(in, run, ret);
	}
	if (err != 0 && !existed) {
		registry_forget(in->registry, run);
	} else if (err < 0) {
		run_break(run);
	}
	return err;
}

int registry_open(struct registry *r, const struct msg_open *open, const struct peer_identity *peer,
	const uint8_t db_id[DB_ID_SIZE], struct instant now, struct stream **ret_stream,
	struct msg_opened *ret_opened, struct refusal *ret_refusal) {
	struct opening in = {
		.registry = r,
		.open = open,
		.peer = peer,
		.db_id = db_id,
		.now = now,
		.refusal = ret_refusal,
	};
	char id[RUN_ID_MAX + 1];

	if (!opening_check_meaning(&in)) {
		return 1;
	}
	(void)snprintf(id, sizeof id, "%.*s", (int)open->run.len, open->run.data);
	in.run = registry_find(r, id);
	in.stream = registry_find_stream(r, open->stream);
	in.same_launch = in.run != NULL && in.run->launch != NULL &&
			 strlen(in.run->launch) == open->launch.len &&
			 memcmp(in.run->launch, open->launch.data, open->launch.len) == 0;
	if (!opening_check_run(&in)) {
		return 1;
	}

	struct stream *s;
	int err = is_past_stream(&in) ? open_past_stream(&in, &s) : open_run(&in, &s);
	if (err != 0) {
		return err;
	}
	if (s->run->broken) {
		s->connected = false;
		return -ENOMEM;
	}
	*ret_stream = s;
	answer(s, ret_opened);
	return 0;
}
