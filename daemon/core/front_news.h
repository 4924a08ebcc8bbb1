/* What is new on the front of a project: who joined it and who left it, a list that the store makes as it commits a window and
 * whoever has the cut gives away with it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct front_news {
	struct front_news *next;
	bool joined; /* else it left */
	uint32_t uid;
	double time;
	const char *run_id, *name, *words; /* name: NULL where the run has none */
	char texts[];
};

/* Copies the texts. NULL when memory is short. */
struct front_news *front_news_create(const char *run_id, const char *name, const char *words);
/* All of a list. */
void front_news_destroy(struct front_news *list);
