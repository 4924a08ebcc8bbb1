/* Where the status document comes from: a daemon, or database files. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "database_file.h"
#include "database_list.h"

struct source {
	const char *run_part; /* NULL: all runs */
	const char *socket;   /* NULL: $SAE_METRICS_SOCKET, else the user's, then the host's */
	struct database_list files; /* when there are any, no daemon is asked */
	bool is_read_again;         /* what is wrong with single files has been said */
};

/* Gets the document, and says on stderr what stood in the way. Returns an exit_status; with EXIT_FAILED
 * there may be a document all the same, of the files that could be read. */
int source_read(struct source *s, json_t **ret_document);

struct points_query;
/* The points document (store/points.h) of all runs instead; who asks is known wherever it comes from. */
int source_read_points(struct source *s, const struct points_query *query, json_t **ret_document);
