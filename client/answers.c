/* What the daemon says, and what it changes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "keepsake.h"
#include "link.h"
#include "say.h"

/* ---- the beginning ---- */

/* The user's W&B key: who runs as somebody else has no claim on it, unless he was chosen. */
static bool may_have_key(const struct link *l) {
	return l->opening->key_for_any_user || descriptor_peer_is_own_user(&l->socket);
}

static void on_welcome(struct link *l, const struct msg_welcome *m) {
	struct stream *s = l->stream;
	struct msg_open *open = &l->opening->open;
	size_t len = 0;

	if (l->phase != LINK_GREETING || m->version < PROTO_VERSION_MIN ||
		m->version > PROTO_VERSION_MAX) {
		link_lose(l, 0,
			"the daemon greeted out of turn, or in a version that was not offered");
		return;
	}

	memcpy(l->db_id, m->db_id, sizeof l->db_id);
	pthread_mutex_lock(&s->lock);
	open->first_seq = s->outbox.acked + 1;
	pthread_mutex_unlock(&s->lock);
	uint8_t *frame = opening_open(open, may_have_key(l), &len);
	if (frame == NULL) {
		link_lose(l, 0, "out of memory");
		return;
	}
	l->phase = LINK_OPENING;
	link_send(l, frame, len);
}

/* Whoever acked the rest is named when the stream is opened again. */
static void remember_database(struct link *l) {
	l->opening->open.has_db_id = true;
	memcpy(l->opening->open.db_id, l->db_id, sizeof l->db_id);
}

static void tell_start(struct link *l) {
	const struct opening *o = l->opening;

	if (l->told_start || o->quiet || o->open.rank != 0) {
		return;
	}
	l->told_start = true;
	struct text name = o->open.name;
	const char *dash = name.len > 0 ? "-" : "";
	const char *project = o->open.project.len > 0 ? o->open.project.data : "none";
	if (o->open.d_sae > 0) {
		say("run %.*s%s%s  (project %.128s, d_sae %u)", (int)name.len, name.data, dash,
			o->run, project, o->open.d_sae);
	} else {
		say("run %.*s%s%s  (project %.128s)", (int)name.len, name.data, dash, o->run,
			project);
	}
	say("watch it with  sae-metricsd status %s", o->run);
}

/* The FINISH is on the daemon's disk: there is nothing left to say. */
static bool is_delivered(const struct outbox *o) {
	return o->ended && o->acked + 1 == o->next_seq;
}

static void on_opened(struct link *l, const struct msg_opened *m) {
	struct stream *s = l->stream;
	struct outbox *o = &s->outbox;

	pthread_mutex_lock(&s->lock);
	bool sound = l->phase == LINK_OPENING && m->durable < m->wanted && m->wanted > o->acked &&
		     m->wanted <= o->next_seq;
	if (sound) {
		outbox_rewind(o, m->wanted);
		if (m->durable > o->acked) {
			outbox_ack(o, m->durable);
			remember_database(l);
		}
		s->connected = s->met = true;
		s->connects++;
		s->last_step = m->has_last_step ? (int64_t)m->last_step : -1;
		s->attempt = m->attempt;
		s->resumed = m->resumed;
		stream_forget_passing(s);
		pthread_cond_broadcast(&s->changed);
	}
	bool delivered = is_delivered(o);
	pthread_mutex_unlock(&s->lock);

	if (!sound) {
		link_lose(l, 0, "the daemon opened the stream where it cannot be");
		return;
	}
	l->phase = LINK_STREAMING;
	l->opened_at_ms = clock_now_ms();
	tell_start(l);
	if (delivered) { /* only the last ACK had been lost */
		link_end(l);
	}
}

/* ---- refusals ---- */

static void tell_refusal(const struct link *l, const char *what, struct text words) {
	if (!l->opening->quiet) {
		say("run %s: %s: %.*s", l->opening->run, what, (int)words.len, words.data);
	}
}

static void on_refusal(struct link *l, const struct msg_refusal *m) {
	struct stream *s = l->stream;
	char words[STREAM_WORDS_SIZE];

	snprintf(words, sizeof words, "%.*s", (int)m->words.len,
		m->words.data == NULL ? "" : m->words.data);
	if (m->has_retry) {
		if (!l->told_delay) {
			tell_refusal(l, "the daemon cannot take it now", m->words);
			l->told_delay = true;
		}
		link_lose(l, m->retry_after_ms, words);
		return;
	}

	tell_refusal(l, "refused, training goes on without it", m->words);
	link_end(l);
	pthread_mutex_lock(&s->lock);
	stream_say(s, "%s", words);
	stream_refuse(s);
	pthread_mutex_unlock(&s->lock);
}

/* ---- the stream ---- */

static void on_ack(struct link *l, const struct msg_ack *m) {
	struct stream *s = l->stream;
	struct outbox *o = &s->outbox;

	pthread_mutex_lock(&s->lock);
	bool sound = l->phase == LINK_STREAMING && m->seq <= o->sent;
	if (sound && m->seq > o->acked) {
		outbox_ack(o, m->seq);
		remember_database(l);
		l->backoff_ms = LINK_BACKOFF_MIN_MS;
		pthread_cond_broadcast(&s->changed);
	}
	bool delivered = is_delivered(o);
	pthread_mutex_unlock(&s->lock);

	if (!sound) {
		link_lose(l, 0, "the daemon acked what it was not sent");
	} else if (delivered) {
		link_end(l);
	}
}

static void on_error(struct link *l, const struct msg_error *m) {
	struct stream *s = l->stream;

	pthread_mutex_lock(&s->lock);
	s->n_refused += m->has_seq;
	stream_say(s, "%.*s", (int)m->words.len, m->words.data == NULL ? "" : m->words.data);
	pthread_mutex_unlock(&s->lock);
}

static void on_stop(struct link *l, const struct msg_stop *m) {
	struct stream *s = l->stream;

	/* The first reason stays: somebody may hold on to it. */
	pthread_mutex_lock(&s->lock);
	if (!s->stop) {
		s->stop = true;
		snprintf(s->stop_reason, sizeof s->stop_reason, "%.*s", (int)m->reason.len,
			m->reason.data == NULL ? "" : m->reason.data);
	}
	pthread_mutex_unlock(&s->lock);
}

static uint8_t *keepsake_of(const struct msg_state *m, int64_t step) {
	uint8_t *keepsake = malloc(KEEPSAKE_HEAD_SIZE + m->state_len);
	if (keepsake == NULL) {
		return NULL;
	}

	if (m->state_len > 0) {
		memcpy(keepsake + KEEPSAKE_HEAD_SIZE, m->state, m->state_len);
	}
	keepsake_seal(keepsake, m->state_len, step);
	return keepsake;
}

static void on_state(struct link *l, const struct msg_state *m) {
	struct stream *s = l->stream;
	int64_t step = m->has_step ? (int64_t)m->step : -1;
	uint8_t *keepsake = m->code == 0 ? keepsake_of(m, step) : NULL;

	pthread_mutex_lock(&s->lock);
	if (s->snapshot.wanted && s->snapshot.token == m->token) {
		s->snapshot.wanted = false;
		s->snapshot.code = m->code;
		s->snapshot.step = step;
		s->snapshot.keepsake = keepsake;
		s->snapshot.len = KEEPSAKE_HEAD_SIZE + m->state_len;
		keepsake = NULL;
		if (m->code != 0) {
			stream_say(s, "%.*s", (int)m->words.len,
				m->words.data == NULL ? "" : m->words.data);
		}
		pthread_cond_broadcast(&s->changed);
	}
	pthread_mutex_unlock(&s->lock);
	free(keepsake); /* of a state nobody waits for any more */
}

void link_answer(struct link *l, const struct message *m) {
	switch (m->type) {
	case MSG_WELCOME:
		on_welcome(l, &m->welcome);
		break;
	case MSG_REFUSAL:
		on_refusal(l, &m->refusal);
		break;
	case MSG_OPENED:
		on_opened(l, &m->opened);
		break;
	case MSG_ACK:
		on_ack(l, &m->ack);
		break;
	case MSG_ERROR:
		on_error(l, &m->error);
		break;
	case MSG_STOP:
		on_stop(l, &m->stop);
		break;
	case MSG_STATE:
		on_state(l, &m->state);
		break;
	default:
		link_lose(l, 0, "the daemon answered what was not asked");
		break;
	}
}
