/* Whether what an OPEN asks for fits: among its user's runs, and into his memory. */
#include "open_private.h"

#include <stdio.h>

#include "format.h"
#include "run.h"

#define ROOM_RETRY_MS 5000u /* until another run has ended: it is of no use to ask often */

/* Whether waiting can help: somebody else's, or another run of his, may end. */
static bool refuse_holding(const struct opening *in, const struct run *run, enum holding what,
	enum ledger_answer answer, const char *sum, bool may_help) {
	char words[LEDGER_WORDS_MAX];
	uint64_t limit = ledger_say(run->holder, what, answer, words);

	(void)opening_refuse(in, what == HOLDING_MEMORY ? REFUSE_BUDGET : REFUSE_TOO_MANY, "%s%s%s",
		sum, words, may_help ? "; tried again until it fits" : "; it never fits");
	in->refusal->has_limit = true;
	in->refusal->limit = limit;
	in->refusal->has_retry = may_help;
	in->refusal->retry_after_ms = may_help ? ROOM_RETRY_MS : 0;
	return false;
}

/* "d_sae 1048576 with 8 ranks takes 84.0 MiB; " */
static void sum_in_words(const struct opening *in, uint64_t need, char *out, size_t size) {
	char needs[FORMAT_MAX], ranks[32] = "";

	if (in->open->world_size > 1) {
		(void)snprintf(ranks, sizeof ranks, " with %u ranks", in->open->world_size);
	}
	(void)snprintf(out, size, "d_sae %u%s takes %s; ", in->open->d_sae, ranks,
		format_bytes(needs, (double)need));
}

bool opening_charge(const struct opening *in, struct run *run) {
	uint64_t need = run_bytes_needed(in->open->d_sae, in->open->world_size);
	enum ledger_answer answer =
		run->counted ? LEDGER_TAKEN : ledger_ask(run->holder, HOLDING_RUNS, 1);
	char sum[64] = "";

	if (answer != LEDGER_TAKEN) {
		ledger_count_refusal(run->holder, HOLDING_RUNS);
		return refuse_holding(in, run, HOLDING_RUNS, answer, sum, true);
	}
	if (need > run->charged) {
		answer = ledger_ask(run->holder, HOLDING_MEMORY, need - run->charged);
	}
	if (answer != LEDGER_TAKEN) {
		ledger_count_refusal(run->holder, HOLDING_MEMORY);
		sum_in_words(in, need, sum, sizeof sum);
		return refuse_holding(in, run, HOLDING_MEMORY, answer, sum,
			ledger_ever_fits(run->holder, HOLDING_MEMORY, need));
	}
	run_charge(run, need);
	return true;
}
