#include "rig_trainer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Where it stood behind a seq. */
struct said {
	uint64_t seq;
	uint32_t lap;
	int64_t step; /* -1: nowhere yet */
};

struct rig_trainer {
	struct rig_trainer *next;
	uint8_t stream[STREAM_ID_SIZE];
	struct said *said; /* by seq */
	size_t n, cap;
};

static struct rig_trainer *find(struct rig_trainer **trainers, const uint8_t *stream) {
	struct rig_trainer *t = *trainers;
	while (t != NULL && memcmp(t->stream, stream, STREAM_ID_SIZE) != 0) {
		t = t->next;
	}
	if (t == NULL) {
		t = calloc(1, sizeof *t);
		assert(t != NULL);
		memcpy(t->stream, stream, STREAM_ID_SIZE);
		t->next = *trainers;
		*trainers = t;
	}
	return t;
}

static struct said before(struct rig_trainer *t, uint64_t seq) {
	while (t->n > 0 && t->said[t->n - 1].seq >= seq) {
		t->n--;
	}
	return t->n > 0 ? t->said[t->n - 1] : (struct said){.step = -1};
}

static void say(struct rig_trainer *t, struct said said) {
	if (t->n == t->cap) {
		t->cap = 2 * t->cap + 64;
		t->said = realloc(t->said, t->cap * sizeof *t->said);
		assert(t->said != NULL);
	}
	t->said[t->n++] = said;
}

static void count(struct rig_trainer *t, uint64_t seq, uint32_t *lap, uint32_t step, bool begins) {
	struct said at = before(t, seq);

	if (*lap == RIG_LAP_COUNTED) {
		*lap = at.lap + (begins ? 1 : 0);
	}
	say(t, (struct said){seq, *lap, step});
}

void rig_trainer_count(
	struct rig_trainer **trainers, const uint8_t stream[STREAM_ID_SIZE], struct message *m) {
	struct rig_trainer *t = find(trainers, stream);
	struct said at = before(t, message_seq(m));

	switch (m->type) {
	case MSG_STEP:
		count(t, m->step.seq, &m->step.lap, m->step.step, m->step.step <= at.step);
		break;
	case MSG_RESTORE:
		count(t, m->restore.seq, &m->restore.lap, m->restore.step, at.step >= 0);
		break;
	case MSG_LOG:
		if (m->log.lap > at.lap) {
			say(t, (struct said){m->log.seq, m->log.lap, -1});
		}
		break;
	case MSG_DROPPED:
		if (m->dropped.has_step) {
			count(t, m->dropped.seq, &m->dropped.lap, m->dropped.step,
				m->dropped.step <= at.step);
		}
		break;
	default:
		break;
	}
}

void rig_trainers_finish(struct rig_trainer *trainers) {
	while (trainers != NULL) {
		struct rig_trainer *next = trainers->next;
		free(trainers->said);
		free(trainers);
		trainers = next;
	}
}
