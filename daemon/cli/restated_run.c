#include "restated_run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "points.h"
#include "render_restated.h"
#include "restate_runs.h"
#include "run_part.h"
#include "subcommand.h"

static int fail(const struct read_options *o, const char *words) {
	fprintf(stderr, "sae-metricsd %s: %s\n", o->command, words);
	return EXIT_FAILED;
}

static int print_page(
	const struct read_options *o, const json_t *own, const json_t *other, const char *profile) {
	struct page page;

	read_options_begin_page(o, &page);
	render_restated(own, other, profile, &page);
	return read_options_end_page(o, &page);
}

static int print_run(const struct read_options *o, const struct profile *as, const json_t *own) {
	json_t *other = json_deep_copy(own);

	if (!other || restate_points_run(other, as) < 0) {
		json_decref(other);
		return fail(o, strerror(ENOMEM));
	}
	int status =
		o->json ? read_options_print_json(o, other) : print_page(o, own, other, as->name);
	json_decref(other);
	return status;
}

int restated_run_print(struct read_options *o, const struct profile *as) {
	const struct points_query query = {0};
	char words[RUN_PART_WORDS_SIZE];
	struct source all = o->source;
	json_t *document = NULL;

	all.run_part = NULL;
	int status = source_read_points(&all, &query, &document);
	o->source.files = all.files; /* what was found by itself is the list's owner's, too */
	if (!document || (status != EXIT_OK && status != EXIT_FAILED)) {
		json_decref(document);
		return status;
	}
	const json_t *runs = document_at(document, "runs");
	size_t at = run_part_find(runs, o->source.run_part, words);
	if (at == RUN_PART_NONE) {
		(void)fail(o, words);
		status = EXIT_NO_SUCH_RUN;
	} else {
		int printed = print_run(o, as, json_array_get(runs, at));
		status = printed == EXIT_OK ? status : printed;
	}
	json_decref(document);
	return status;
}
