/* Which run of a document somebody means by a part of its id or name: as the daemon would find it. Pure. */
#pragma once

#include <stddef.h>

#include "document.h"

#define RUN_PART_NONE       ((size_t)-1)
#define RUN_PART_WORDS_SIZE 256u

/* Its place in the list; RUN_PART_NONE, and words: none fits, or which more than one. */
size_t run_part_find(const json_t *runs, const char *part, char ret_words[RUN_PART_WORDS_SIZE]);

/* Of the document's runs those that the parts mean, in the parts' order, each once. 0; -ESRCH and words when a part fits none, or
 * more than one; or -ENOMEM and words. */
int run_part_keep(
	json_t *document, const char *const *parts, size_t n, char ret_words[RUN_PART_WORDS_SIZE]);
