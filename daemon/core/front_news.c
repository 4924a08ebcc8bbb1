#include "front_news.h"

#include <stdlib.h>
#include <string.h>

static size_t size_of(const char *text) {
	return text != NULL ? strlen(text) + 1 : 0;
}

/* Where the next text goes is moved behind it. */
static const char *put(char **at, const char *text) {
	size_t size = size_of(text);
	char *copy = size > 0 ? memcpy(*at, text, size) : NULL;

	*at += size;
	return copy;
}

struct front_news *front_news_create(const char *run_id, const char *name, const char *words) {
	struct front_news *news =
		malloc(sizeof *news + size_of(run_id) + size_of(name) + size_of(words));
	if (news == NULL) {
		return NULL;
	}
	char *at = news->texts;
	*news = (struct front_news){0};
	news->run_id = put(&at, run_id);
	news->name = put(&at, name);
	news->words = put(&at, words);
	return news;
}

void front_news_destroy(struct front_news *list) {
	while (list != NULL) {
		struct front_news *next = list->next;
		free(list);
		list = next;
	}
}
