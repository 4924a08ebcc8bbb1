/* Counts of dead features that are easily taken for one another: each in words, with what it is counted over. */
#pragma once

#include "buf.h"
#include "document.h"

enum dead_by { DEAD_BY_PASSES = 0, DEAD_BY_TOKENS, DEAD_BY_WINDOW, DEAD_BYS };

/* "by passes" … */
const char *dead_by_name(enum dead_by by);

/* Of a run with its `sparsity`: "312 (1.3 %): silent for over 5,000 steps (20.5M tokens)", "not known: silent for 10M tokens or
 * more". False, and ret_words is empty: the document does not tell of it. */
bool dead_words(const json_t *run, enum dead_by by, struct buf *ret_words);
