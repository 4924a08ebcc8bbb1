/* Dead by tokens: features that have been silent for DEAD_TOKENS rows or more, whatever the batches were. It is what a good part of
 * the field calls dead (dictionary_learning, sparsify), and with the same number. Rows that were folded count: of steps that
 * are missing nobody knows who fired in them.
 *
 * It is exact, or not known: where the run went on without the state of what was before, or a step came without counts, until as many
 * rows were folded again; and where batches differed so often that the schedule has joined those in question, and a feature last
 * fired among them. */
#pragma once

#include "firing.h"
#include "schedule.h"

#define DEAD_TOKENS         10000000u /* and dead_10m_tokens everywhere */
#define DEAD_TOKENS_UNKNOWN (-1)

/* After the schedule's last step. Of features that last fired before the step `known_from` it is not known when; 0: of all it is. */
int64_t dead_by_tokens(
	const struct firing *f, const struct schedule *s, uint64_t known_from, uint64_t tokens);
