#include "openmetrics_private.h"

#include <errno.h>
#include <string.h>

#include "document.h"

/* ---- how a member becomes samples ---- */

void openmetric_put_number(struct exposition *x, const struct openmetric *m, const json_t *object) {
	double value;

	if (document_number(object, m->path, &value)) {
		exposition_sample(x, NULL, 0, value);
	}
}

void openmetric_put_or_0(struct exposition *x, const struct openmetric *m, const json_t *object) {
	const json_t *value = document_at(object, m->path);

	if (json_is_null(value)) {
		exposition_sample(x, NULL, 0, 0);
	} else {
		openmetric_put_number(x, m, object);
	}
}

void openmetric_put_time(struct exposition *x, const struct openmetric *m, const json_t *object) {
	double value;

	if (document_time(object, m->path, &value)) {
		exposition_sample(x, NULL, 0, value);
	}
}

void openmetric_put_flag(struct exposition *x, const struct openmetric *m, const json_t *object) {
	const json_t *value = document_at(object, m->path);

	if (value != NULL) {
		exposition_sample(x, NULL, 0, json_is_true(value) || json_is_string(value));
	}
}

void openmetric_put_members(
	struct exposition *x, const struct openmetric *m, const json_t *object) {
	const json_t *members = document_at(object, m->path);
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)members, name, value) {
		double number;
		if (document_number(value, "", &number)) {
			struct exposition_label label = {m->label, name};
			exposition_sample(x, &label, 1, number);
		}
	}
}

void openmetric_put_state(struct exposition *x, const struct openmetric *m, const json_t *object) {
	const char *state = document_text(object, m->path);

	for (size_t i = 0; state != NULL && m->words[i] != NULL; i++) {
		struct exposition_label label = {m->label, m->words[i]};
		exposition_sample(x, &label, 1, strcmp(state, m->words[i]) == 0);
	}
}

/* ---- which runs ---- */

static bool is_over(const json_t *run) {
	const char *state = document_text(run, "state");

	return state != NULL && strcmp(state, "running") != 0 && strcmp(state, "stalled") != 0;
}

static bool is_shown(const json_t *run, const struct openmetrics_options *options) {
	double seen_s;

	return options->all || !is_over(run) || !document_time(run, "last_seen", &seen_s) ||
	       options->now_s - seen_s <= OPENMETRICS_OVER_S;
}

/* Those that are shown, newest activity first; NULL when memory is short. */
static json_t *choose(const json_t *document, const struct openmetrics_options *options) {
	const json_t *runs = document_at(document, "runs");
	json_t *chosen = json_array();

	for (size_t i = 0; chosen != NULL && i < json_array_size(runs); i++) {
		json_t *run = json_array_get(runs, i);
		if (is_shown(run, options) &&
			(options->all || json_array_size(chosen) < OPENMETRICS_RUNS_MAX) &&
			json_array_append(chosen, run) < 0) {
			json_decref(chosen);
			chosen = NULL;
		}
	}
	return chosen;
}

/* ---- all of it ---- */

static void write_runs(struct exposition *x, const json_t *runs) {
	x->n_labels = 2;
	for (size_t i = 0; i < openmetrics_n_of_runs; i++) {
		const struct openmetric *m = &openmetrics_of_runs[i];
		exposition_begin(x, &m->family);
		for (size_t at = 0; at < json_array_size(runs); at++) {
			const json_t *run = json_array_get(runs, at);
			x->labels[0] = (struct exposition_label){"run", document_text(run, "id")};
			x->labels[1] =
				(struct exposition_label){"project", document_text(run, "project")};
			m->put(x, m, run);
		}
	}
	x->n_labels = 0;
}

static void write_one(struct exposition *x, const char *name, const char *help, double value) {
	const struct exposition_family family = {.name = name, .help = help};

	exposition_begin(x, &family);
	exposition_sample(x, NULL, 0, value);
	x->begun = NULL; /* the family is gone */
}

static void write_daemon(struct exposition *x, const json_t *document) {
	for (size_t i = 0; i < openmetrics_n_of_daemon; i++) {
		const struct openmetric *m = &openmetrics_of_daemon[i];
		exposition_begin(x, &m->family);
		m->put(x, m, document);
	}
}

int openmetrics_write(
	struct buf *out, const json_t *document, const struct openmetrics_options *options) {
	struct exposition x = {.out = out};
	json_t *runs = choose(document, options);

	if (!options->of_files) {
		write_one(&x, "sae_daemon_up", "Whether the daemon answered.",
			document_true(document, "daemon.reachable"));
	}
	write_daemon(&x, document);
	if (document != NULL) {
		write_one(&x, "sae_runs_left_out",
			"Runs that are over, or too many, and are not shown here.",
			(double)(json_array_size(document_at(document, "runs")) -
				 json_array_size(runs)));
	}
	write_runs(&x, runs);
	exposition_end(&x);
	json_decref(runs);
	return runs == NULL ? -ENOMEM : x.err;
}
