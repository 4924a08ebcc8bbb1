#include "point_warnings.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "count.h"
#include "definition.h"
#include "format.h"
#include "text.h"

#define UNEQUAL      1.05 /* tokens that differ by less are taken for equal */
#define WARNING_SIZE 512u
#define LABEL_MAX    64u

void point_warn(json_t *warnings, const char *format, ...) {
	char text[WARNING_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	text_mend_end(text);
	(void)json_array_append_new(warnings, json_string(text));
}

/* How much of a run's label there is room for, in whole characters. */
static int label_size(const struct point_warned *run) {
	return (int)text_fit(text_of(run->label, strlen(run->label)), LABEL_MAX);
}

void point_warn_of_stand_in(const struct pareto_axis *axis, json_t *warnings) {
	if (axis->stands_in_for) {
		point_warn(warnings,
			"no run has %s, which needs sums that were not pushed: %s stands in for it",
			axis->stands_in_for, axis->metric.name);
	}
}

/* Before an option; NULL: there is no use in naming one. */
static const char *option_of(enum point_advice advice) {
	static const char *const commands[] = {
		[ADVICE_OPTION] = "", [ADVICE_PARETO] = "pareto ", [ADVICE_NONE] = NULL};

	return commands[advice];
}

/* ---- how far the runs are ---- */

static double tokens_of(const struct point_warned *run) {
	return document_count(run->point, "tokens");
}

/* Windows end where they end: what is less than one of them apart is as equal as it gets. */
static bool are_unequal(const struct point_warned *least, const struct point_warned *most) {
	double window = fmax(
		document_count(least->point, "n_tokens"), document_count(most->point, "n_tokens"));

	return tokens_of(most) > UNEQUAL * tokens_of(least) &&
	       tokens_of(most) - tokens_of(least) > window;
}

bool point_warn_of_tokens(
	const struct point_warned *runs, size_t n, enum point_advice advice, json_t *warnings) {
	const struct point_warned *least = runs, *most = runs;
	const char *option = option_of(advice);
	char from[FORMAT_MAX], to[FORMAT_MAX], fair[FORMAT_MAX], words[96] = "";

	for (size_t i = 1; i < n; i++) {
		least = tokens_of(&runs[i]) < tokens_of(least) ? &runs[i] : least;
		most = tokens_of(&runs[i]) > tokens_of(most) ? &runs[i] : most;
	}
	if (n < 2 || tokens_of(least) <= 0 || !are_unequal(least, most)) {
		return false;
	}
	if (option) {
		snprintf(words, sizeof(words),
			": %s--at-tokens %s compares them where all have been", option,
			count_write_above(fair, (uint64_t)tokens_of(least)));
	}
	point_warn(warnings, "runs are compared at unequal tokens (%s to %s)%s",
		format_count(from, tokens_of(least), 4), format_count(to, tokens_of(most), 4),
		words);
	return true;
}

/* ---- what the figures mean ---- */

/* NULL: there is but one, or none that is known. */
static const char *definition_of(const struct point_warned *run, const char *name) {
	const char *profile_name = document_text(run->run, "profile");
	int metric = metric_find(name);
	const struct profile *profile =
		profile_name ? profile_find(text_of(profile_name, strlen(profile_name))) : NULL;

	return profile && metric >= 0 ? metric_definition(profile, (enum metric)metric) : NULL;
}

static void warn_of_two(const char *metric, const struct point_warned *one,
	const struct point_warned *other, enum point_advice advice, json_t *warnings) {
	const char *profile = document_text(one->run, "profile"), *option = option_of(advice);
	bool is_variance = strncmp(metric, "explained_variance", strlen("explained_variance")) == 0;
	char words[96] = "";

	if (option) {
		snprintf(words, sizeof(words), "; %s--as %s restates it", option, profile);
	}
	point_warn(warnings, "%s is not one thing here: %s (%s), %s (%s)%s%s", metric,
		definition_of(one, metric), profile, definition_of(other, metric),
		document_text(other->run, "profile"), words,
		is_variance ? ", and fvu is the same for all" : "");
}

/* The first run whose definition differs from the first one's says it for all. */
void point_warn_of_definitions(const struct point_warned *runs, size_t n, const char *metric,
	enum point_advice advice, json_t *warnings) {
	const char *first = n > 0 ? definition_of(&runs[0], metric) : NULL;

	for (size_t i = 1; first && i < n; i++) {
		const char *other = definition_of(&runs[i], metric);
		if (other && strcmp(other, first) != 0) {
			warn_of_two(metric, &runs[0], &runs[i], advice, warnings);
			return;
		}
	}
}

/* ---- what was not finite ---- */

void point_warn_of_broken(
	const struct point_warned *runs, size_t n, const char *metric, json_t *warnings) {
	const struct point_warned *first = NULL;
	double steps = 0;
	size_t n_broken = 0;

	for (size_t i = 0; i < n; i++) {
		double broken = 0;
		const json_t *counts = document_at(runs[i].point, "not_finite");
		if (document_number(json_object_get(counts, metric), "", &broken)) {
			first = first ? first : &runs[i];
			steps += broken;
			n_broken++;
		}
	}
	if (n_broken > 0) {
		point_warn(warnings,
			"%s was not finite in %.0f step%s of %.*s%s: the mean is over the others",
			metric, steps, steps == 1 ? "" : "s", label_size(first), first->label,
			n_broken > 1 ? " and other runs" : "");
	}
}

/* ---- what could not be restated exactly ---- */

void point_warn_of_remarks(
	const struct point_warned *runs, size_t n, const char *metric, json_t *warnings) {
	for (size_t i = 0; i < n; i++) {
		const json_t *remarks = document_at(runs[i].run, "as.remarks");
		const char *remark = json_string_value(json_object_get(remarks, metric));
		if (remark) {
			point_warn(warnings, "%s: %s", metric, remark);
			return;
		}
	}
}

/* A profile that this program does not know has no definitions to start from. */
void point_warn_of_profiles(const struct point_warned *runs, size_t n, json_t *warnings) {
	for (size_t i = 0; i < n; i++) {
		const json_t *as = document_at(runs[i].run, "as");
		if (as && !document_text(as, "profile")) {
			point_warn(warnings,
				"how %.*s defines its figures is not known: they are as they were",
				label_size(&runs[i]), runs[i].label);
		}
	}
}
