#include "run_choice.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "subcommand.h"

/* ---- what was asked for ---- */

static int no_column(const struct read_options *read, const char *which) {
	const char *name;

	fprintf(stderr, "sae-metricsd %s: no column '%s'; there are", read->command, which);
	for (unsigned i = 0; i < RUN_COLUMNS; i++) {
		if (run_columns[i].table.title[0]) {
			fprintf(stderr, " %s", run_columns[i].table.title);
		}
	}
	fputs("; and by their names", stderr);
	for (size_t i = 0; (name = run_value_name(i)) != NULL; i++) {
		fprintf(stderr, " %s", name);
	}
	fputs(" below_DENSITY config.KEY summary.KEY\n", stderr);
	return EXIT_USAGE;
}

/* `list` is taken apart. */
static int take_columns(struct run_choice *c, const struct read_options *read, char *list) {
	for (char *name = strtok(list, ","); name; name = strtok(NULL, ",")) {
		if (c->n_columns == RUN_CHOICE_COLUMNS_MAX) {
			return read_options_wrong(read, "too many columns", "");
		}
		if (!run_column_find(name, &c->columns[c->n_columns])) {
			return no_column(read, name);
		}
		c->n_columns++;
	}
	return c->n_columns > 0 ? EXIT_OK : read_options_wrong(read, "-o needs a column", "");
}

static int take_limit(struct run_choice *c, const struct read_options *read, const char *word) {
	char *end;
	unsigned long limit = strtoul(word, &end, 10);

	if (word[0] < '0' || word[0] > '9' || *end != '\0' || limit == 0 || limit > INT_MAX) {
		return read_options_wrong(read, "--limit is how many runs, 1 or more, not ", word);
	}
	c->order.limit = limit;
	return EXIT_OK;
}

static int take_filter(struct run_choice *c, const struct read_options *read, int option) {
	char words[RUN_FILTER_WORDS_SIZE];

	return run_filter_add(
		       &c->filter, (enum run_filter_option)option, optarg, clock_wall(), words)
		       ? EXIT_OK
		       : read_options_wrong(read, words, "");
}

int run_choice_take(struct run_choice *c, struct read_options *read, int option, const char *word) {
	if (option >= RUN_FILTER_PROJECT && option < RUN_FILTER_END) {
		return take_filter(c, read, option);
	}
	switch (option) {
	case 'o':
		return take_columns(c, read, optarg);
	case RUN_CHOICE_SORT:
		return run_order_parse(&c->order, optarg)
			       ? EXIT_OK
			       : no_column(read, optarg + (optarg[0] == '-'));
	case RUN_CHOICE_LIMIT:
		return take_limit(c, read, optarg);
	default:
		return read_options_take(read, option, word);
	}
}

/* ---- doing it ---- */

/* What only trainers name: a key that no run has is a mistake more often than not. */
static bool any_has(const struct run_value *v, const json_t *runs) {
	bool named_by_trainers = v->kind == RUN_VALUE_CONFIG || v->kind == RUN_VALUE_SUMMARY;

	if (!named_by_trainers || json_array_size(runs) == 0) {
		return true;
	}
	for (size_t i = 0; i < json_array_size(runs); i++) {
		if (run_value_json(v, json_array_get(runs, i)) != NULL) {
			return true;
		}
	}
	return false;
}

static int check_columns(
	const struct run_choice *c, const struct read_options *read, const json_t *runs) {
	for (size_t i = 0; i <= c->n_columns; i++) {
		const struct run_column *column =
			i < c->n_columns ? &c->columns[i] : &c->order.column;
		if (!any_has(&column->value, runs)) {
			fprintf(stderr, "sae-metricsd %s: no run here has %s\n", read->command,
				column->table.title);
			return EXIT_USAGE;
		}
	}
	return EXIT_OK;
}

int run_choice_apply(
	const struct run_choice *c, const struct read_options *read, json_t *document) {
	json_t *runs = json_object_get(document, "runs");
	char words[RUN_FILTER_WORDS_SIZE];
	int status = check_columns(c, read, runs);

	if (status != EXIT_OK) {
		return status;
	}
	if (!run_filter_apply(&c->filter, runs, words)) {
		fprintf(stderr, "sae-metricsd %s: %s\n", read->command, words);
		return EXIT_USAGE;
	}
	if (run_order_apply(&c->order, runs) < 0) {
		fprintf(stderr, "sae-metricsd %s: %s\n", read->command, strerror(ENOMEM));
		return EXIT_FAILED;
	}
	return EXIT_OK;
}
