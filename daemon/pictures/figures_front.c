#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "figures.h"
#include "front.h"
#include "metric_label.h"

#define PREFIX_LEAST 6u /* a shorter one is not worth a note */

struct making {
	const struct front_wanted *wanted;
	json_t *runs, *left_out;
	struct front_point *points;
	struct front_verdict *verdicts;
	char *words;
};

/* ---- which runs ---- */

static bool fits(const json_t *run, const char *part) {
	const char *id = document_text(run, "id"), *name = document_text(run, "name");

	return (id != NULL && strstr(id, part) != NULL) ||
	       (name != NULL && strstr(name, part) != NULL);
}

static bool is_wanted(const struct making *m, const json_t *run) {
	for (size_t i = 0; i < m->wanted->n_parts; i++) {
		if (fits(run, m->wanted->parts[i])) {
			return true;
		}
	}
	return m->wanted->n_parts == 0;
}

static int check_parts(struct making *m, const json_t *all) {
	for (size_t i = 0; i < m->wanted->n_parts; i++) {
		bool found = false;
		size_t k;
		json_t *run;
		json_array_foreach(all, k, run) {
			found = found || fits(run, m->wanted->parts[i]);
		}
		if (!found) {
			snprintf(m->words, FIGURES_WORDS_SIZE, "no run fits '%s'",
				m->wanted->parts[i]);
			return -ESRCH;
		}
	}
	return 0;
}

/* ---- points ---- */

static bool value_of(const json_t *point, const char *metric, double *ret) {
	static const char *const places[] = {"metrics", "sparsity", "statistics"};

	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		const json_t *value = json_object_get(json_object_get(point, places[i]), metric);
		if (json_is_number(value)) {
			*ret = json_number_value(value);
			return true;
		}
	}
	return false;
}

static json_t *make_trajectory(const struct making *m, const json_t *run) {
	json_t *trajectory = json_array(), *point;
	double x, y;
	size_t i;

	json_array_foreach(json_object_get(run, "trajectory"), i, point) {
		if (value_of(point, m->wanted->x, &x) && value_of(point, m->wanted->y, &y)) {
			(void)json_array_append_new(trajectory, json_pack("[f, f]", x, y));
		}
	}
	return trajectory;
}

static const char *name_of(const json_t *run) {
	const char *name = document_text(run, "name"), *id = document_text(run, "id");

	return name != NULL && name[0] != '\0' ? name : id != NULL ? id : "";
}

static void leave_out(struct making *m, const json_t *run, const char *why, const char *what) {
	char words[160];

	snprintf(words, sizeof words, "%s%s", why, what);
	(void)json_array_append_new(
		m->left_out, json_pack("{s:s?, s:s, s:s}", "id", document_text(run, "id"), "name",
				     name_of(run), "why", words));
}

static void take_run(struct making *m, const json_t *run) {
	const json_t *point = json_object_get(run, "point");
	double x, y;

	if (!json_is_object(point)) {
		leave_out(m, run, "no complete window", m->wanted->at_tokens_set ? " by then" : "");
	} else if (!value_of(point, m->wanted->x, &x)) {
		leave_out(m, run, "it has no ", m->wanted->x);
	} else if (!value_of(point, m->wanted->y, &y)) {
		leave_out(m, run, "it has no ", m->wanted->y);
	} else {
		json_t *made = json_pack("{s:s?, s:s, s:f, s:f, s:f}", "id",
			document_text(run, "id"), "name", name_of(run), "x", x, "y", y,
			"n_tokens_folded", document_count(point, "tokens"));
		if (m->wanted->trajectory) {
			json_object_set_new(made, "trajectory", make_trajectory(m, run));
		}
		(void)json_array_append_new(m->runs, made);
	}
}

/* ---- labels ---- */

/* What all names begin with, up to a sign between words. */
static size_t common_prefix(const json_t *runs) {
	const char *first = document_text(json_array_get(runs, 0), "name");
	size_t len = first != NULL ? strlen(first) : 0, i;
	json_t *run;

	json_array_foreach(runs, i, run) {
		const char *name = document_text(run, "name");
		size_t same = 0;
		while (same < len && name[same] == first[same]) {
			same++;
		}
		len = same;
	}
	while (len > 0 && strchr("-_/. ", first[len - 1]) == NULL) {
		len--;
	}
	return json_array_size(runs) > 2 && len >= PREFIX_LEAST ? len : 0;
}

static void make_labels(json_t *figures, json_t *runs) {
	size_t prefix = common_prefix(runs), i;
	json_t *run;

	json_array_foreach(runs, i, run) {
		const char *name = document_text(run, "name");
		json_object_set_new(
			run, "label", json_string(name[prefix] != '\0' ? name + prefix : name));
	}
	if (prefix > 0) {
		json_object_set_new(figures, "label_prefix",
			json_stringn(document_text(json_array_get(runs, 0), "name"), prefix));
	}
}

/* ---- the front ---- */

static int judge(struct making *m) {
	const struct front_axes axes = {
		metric_higher_is_better(m->wanted->x), metric_higher_is_better(m->wanted->y)};
	size_t n = json_array_size(m->runs), i;
	json_t *run;

	m->points = calloc(n + 1, sizeof *m->points);
	m->verdicts = calloc(n + 1, sizeof *m->verdicts);
	if (m->points == NULL || m->verdicts == NULL) {
		return -ENOMEM;
	}
	json_array_foreach(m->runs, i, run) {
		m->points[i] =
			(struct front_point){document_count(run, "x"), document_count(run, "y")};
	}
	int err = front_judge(&axes, m->points, n, m->verdicts);
	if (err < 0) {
		return err;
	}
	json_array_foreach(m->runs, i, run) {
		const struct front_verdict *v = &m->verdicts[i];
		json_object_set_new(run, "on_front", json_boolean(v->on_front));
		json_object_set(run, "dominated_by",
			v->dominator == FRONT_NONE
				? json_null()
				: json_object_get(json_array_get(m->runs, v->dominator), "id"));
	}
	return 0;
}

static json_t *make_axis(
	const json_t *runs, const char *which, const char *metric, enum axis_choice choice) {
	double low = INFINITY, high = -INFINITY;
	bool higher = metric_higher_is_better(metric);
	char label[160];
	size_t i;
	json_t *run;

	json_array_foreach(runs, i, run) {
		low = fmin(low, document_count(run, which));
		high = fmax(high, document_count(run, which));
	}
	bool is_log = axis_is_log(choice, low, high);
	snprintf(label, sizeof label, "%.120s%s \u2013 %s is better", metric_label(metric),
		is_log ? ", log scale" : "", higher ? "more" : "less");
	return json_pack("{s:s, s:s, s:b, s:s}", "metric", metric, "label", label, "higher", higher,
		"axis", is_log ? "log" : "linear");
}

static bool unequal_tokens(const json_t *runs) {
	double low = INFINITY, high = 0;
	size_t i;
	json_t *run;

	json_array_foreach(runs, i, run) {
		low = fmin(low, document_count(run, "n_tokens_folded"));
		high = fmax(high, document_count(run, "n_tokens_folded"));
	}
	return high > low;
}

static int make(struct making *m, json_t **ret) {
	const struct front_wanted *w = m->wanted;

	if (json_array_size(m->runs) == 0) {
		const json_t *first = json_array_get(m->left_out, 0);
		snprintf(m->words, FIGURES_WORDS_SIZE, "no run can be drawn%s%s%s%s",
			first != NULL ? ": " : "",
			first != NULL ? document_text(first, "name") : "",
			first != NULL ? ": " : "",
			first != NULL ? document_text(first, "why") : "");
		return -ENOENT;
	}
	int err = judge(m);
	json_t *figures =
		err == 0
			? json_pack("{s:i, s:s, s:n, s:o, s:o, s:b, s:O, s:O}", "schema", 1, "kind",
				  "front", "title", "x", make_axis(m->runs, "x", w->x, AXIS_LOG),
				  "y", make_axis(m->runs, "y", w->y, w->axis), "unequal_tokens",
				  unequal_tokens(m->runs), "runs", m->runs, "left_out", m->left_out)
			: NULL;
	if (figures == NULL) {
		return err < 0 ? err : -ENOMEM;
	}
	make_labels(figures, m->runs);
	if (w->at_tokens_set) {
		json_object_set_new(figures, "at_tokens", json_integer((json_int_t)w->at_tokens));
	}
	*ret = figures;
	return 0;
}

int figures_of_front(const json_t *points, const struct front_wanted *wanted, json_t **ret,
	char ret_words[FIGURES_WORDS_SIZE]) {
	struct making m = {.wanted = wanted,
		.runs = json_array(),
		.left_out = json_array(),
		.words = ret_words};
	const json_t *all = json_object_get(points, "runs");
	size_t i;
	json_t *run;

	snprintf(ret_words, FIGURES_WORDS_SIZE, "out of memory");
	int err = check_parts(&m, all);
	json_array_foreach(all, i, run) {
		if (is_wanted(&m, run)) {
			take_run(&m, run);
		}
	}
	err = err == 0 ? make(&m, ret) : err;
	json_decref(m.runs);
	json_decref(m.left_out);
	free(m.points);
	free(m.verdicts);
	return err;
}
