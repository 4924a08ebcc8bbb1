#include "exposition.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "repr.h"

static void put(struct exposition *x, const char *text, size_t len) {
	if (x->err == 0) {
		x->err = buf_append(x->out, text, len);
	}
}

static void put_text(struct exposition *x, const char *text) {
	put(x, text, strlen(text));
}

static bool is_counter(const struct exposition_family *family) {
	size_t len = strlen(family->name);

	return len > 6 && strcmp(family->name + len - 6, "_total") == 0;
}

static void put_about(struct exposition *x, const char *keyword, const char *words) {
	put_text(x, keyword);
	put_text(x, x->family->name);
	put_text(x, " ");
	put_text(x, words);
	put_text(x, "\n");
}

void exposition_begin(struct exposition *x, const struct exposition_family *family) {
	x->family = family;
}

/* A family without a sample would be an empty promise. */
static void put_head(struct exposition *x) {
	if (x->begun != x->family) {
		x->begun = x->family;
		put_about(x, "# HELP ", x->family->help);
		put_about(x, "# TYPE ", is_counter(x->family) ? "counter" : "gauge");
		if (x->family->unit != NULL) {
			put_about(x, "# UNIT ", x->family->unit);
		}
	}
}

static void put_escaped(struct exposition *x, const char *value) {
	for (size_t len; *value != '\0'; value += len) {
		len = strcspn(value, "\\\"\n");
		put(x, value, len);
		if (value[len] != '\0') {
			put_text(x, value[len] == '\n'  ? "\\n"
				    : value[len] == '"' ? "\\\""
							: "\\\\");
			len++;
		}
	}
}

static void put_labels(
	struct exposition *x, const struct exposition_label *labels, size_t n, bool *begun) {
	for (size_t i = 0; i < n; i++) {
		if (labels[i].value == NULL || labels[i].value[0] == '\0') {
			continue;
		}
		put_text(x, *begun ? "," : "{");
		*begun = true;
		put_text(x, labels[i].name);
		put_text(x, "=\"");
		put_escaped(x, labels[i].value);
		put_text(x, "\"");
	}
}

/* Whole numbers without a fraction. */
static const char *number(char out[REPR_MAX], double value) {
	if (isnan(value)) {
		return "NaN";
	}
	if (isinf(value)) {
		return value > 0 ? "+Inf" : "-Inf";
	}
	repr_double(out, value);
	char *fraction = strstr(out, ".0");
	if (fraction != NULL && fraction[2] == '\0') {
		*fraction = '\0';
	}
	return out;
}

void exposition_sample(
	struct exposition *x, const struct exposition_label *labels, size_t n, double value) {
	char text[REPR_MAX];
	bool begun = false;

	put_head(x);
	put_text(x, x->family->name);
	put_labels(x, x->labels, x->n_labels, &begun);
	put_labels(x, labels, n, &begun);
	put_text(x, begun ? "} " : " ");
	put_text(x, number(text, value));
	put_text(x, "\n");
}

void exposition_end(struct exposition *x) {
	put_text(x, "# EOF\n");
}
