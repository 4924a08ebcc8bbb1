/* What ends a connection, in words. */
#include <stdio.h>
#include <string.h>

#include "session_private.h"

/* A frame that could not be held: what it waits for is a commit, or another rank. */
#define HELD_RETRY_MS 1000u

void session_refuse(struct session *s, const struct msg_refusal *refusal) {
	if (s->phase != PHASE_OPEN) {
		return;
	}
	s->server->stats.refused[refusal->code]++;
	session_send(s, &(struct message){.type = MSG_REFUSAL, .refusal = *refusal});
	session_end(s);
}

void session_refuse_in_words(struct session *s, enum refusal_code code, const char *words) {
	session_refuse(
		s, &(struct msg_refusal){.code = code, .words = text_of(words, strlen(words))});
}

void session_refuse_payload(struct session *s) {
	const char *words = s->payload_len_max == 0
				    ? "a payload was announced before the run was opened"
				    : "the announced payload is larger than this run can need";
	session_refuse(s, &(struct msg_refusal){.code = REFUSE_TOO_LARGE,
				  .has_limit = true,
				  .limit = s->payload_len_max,
				  .words = text_of(words, strlen(words))});
}

void session_refuse_header(struct session *s, uint32_t header_len) {
	if (header_len == 0) {
		session_refuse_in_words(
			s, REFUSE_MALFORMED, "this is not a frame of this protocol");
		return;
	}
	static const char words[] = "the announced header is longer than any of this protocol";
	session_refuse(s, &(struct msg_refusal){.code = REFUSE_TOO_LARGE,
				  .has_limit = true,
				  .limit = HEADER_LEN_MAX,
				  .words = text_of(words, sizeof words - 1)});
}

void session_refuse_held(struct session *s) {
	char said[LEDGER_WORDS_MAX], words[LEDGER_WORDS_MAX + 64];
	struct holder *h = s->account->holder;
	enum ledger_answer answer = ledger_ask(h, HOLDING_QUEUED, 1);
	uint64_t limit = ledger_say(h, HOLDING_QUEUED, answer, said);
	(void)snprintf(words, sizeof words, "%s; it is sent again", said);

	ledger_count_refusal(h, HOLDING_QUEUED);
	intake_drop(&s->in);
	session_refuse(s, &(struct msg_refusal){.code = REFUSE_BUDGET,
				  .has_limit = true,
				  .limit = limit,
				  .has_retry = true,
				  .retry_after_ms = HELD_RETRY_MS,
				  .words = text_of(words, strlen(words))});
	server_admit(s->server, s->account);
}
