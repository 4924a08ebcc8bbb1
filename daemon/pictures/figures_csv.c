#include <math.h>
#include <string.h>

#include "buf.h"
#include "document.h"
#include "figures.h"
#include "repr.h"

struct table {
	struct buf *out;
	bool begun; /* the row has a field */
	int err;
};

static void put(struct table *t, const char *text, size_t len) {
	t->err = t->err == 0 ? buf_append(t->out, text, len) : t->err;
}

static void begin_field(struct table *t) {
	put(t, ",", t->begun);
	t->begun = true;
}

static void end_row(struct table *t) {
	put(t, "\r\n", 2);
	t->begun = false;
}

/* Quoted. What a spreadsheet would take for a formula has a ' in front of it. */
static void put_text(struct table *t, const char *text) {
	begin_field(t);
	put(t, "\"", 1);
	if (text != NULL && text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL) {
		put(t, "'", 1);
	}
	for (; text != NULL && *text != '\0'; text++) {
		put(t, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
	}
	put(t, "\"", 1);
}

static void put_number(struct table *t, const json_t *value) {
	char text[REPR_MAX];

	begin_field(t);
	if (json_is_number(value)) {
		double number = json_number_value(value);
		(void)repr_double(text, number);
		size_t len = strlen(text);
		len -= json_is_integer(value) && len > 2 && strcmp(text + len - 2, ".0") == 0 ? 2
											      : 0;
		put(t, text, len);
	}
}

static void put_head(struct table *t, const char *head) {
	put(t, head, strlen(head));
	end_row(t);
}

static void write_curves(struct table *t, const json_t *figures) {
	static const char *const lists[] = {"x", "min", "mean", "max", "n", "not_finite"};
	const json_t *runs = json_object_get(figures, "runs");
	size_t i, k;
	json_t *panel, *series;

	put_head(t, "metric,run,x,min,mean,max,n,not_finite");
	json_array_foreach(json_object_get(figures, "panels"), i, panel) {
		json_array_foreach(json_object_get(panel, "series"), k, series) {
			size_t run = (size_t)json_integer_value(json_object_get(series, "run"));
			size_t n = json_array_size(json_object_get(series, "x"));
			for (size_t row = 0; row < n; row++) {
				put_text(t, document_text(panel, "metric"));
				put_text(t, document_text(json_array_get(runs, run), "id"));
				for (size_t l = 0; l < sizeof lists / sizeof lists[0]; l++) {
					put_number(
						t, json_array_get(
							   json_object_get(series, lists[l]), row));
				}
				end_row(t);
			}
		}
	}
}

static void write_window(
	struct table *t, const json_t *figures, const json_t *run, const json_t *window) {
	static const char *const members[] = {
		"window", "step_first", "step_last", "n_tokens", "d_sae", "never_fired"};
	double lo = document_count(figures, "lo"),
	       per_decade = fmax(1, document_count(figures, "bins_per_decade"));
	size_t bin;
	json_t *count;

	json_array_foreach(json_object_get(window, "counts"), bin, count) {
		put_text(t, document_text(run, "id"));
		for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
			put_number(t, json_object_get(window, members[i]));
		}
		for (size_t end = 0; end < 2; end++) {
			json_t *edge = json_real(lo + (double)(bin + end) / per_decade);
			put_number(t, edge);
			json_decref(edge);
		}
		put_number(t, count);
		end_row(t);
	}
}

static void write_ridges(struct table *t, const json_t *figures) {
	size_t i, k;
	json_t *run, *window;

	put_head(t, "run,window,step_first,step_last,n_tokens,d_sae,never_fired,log10_density_from,"
		    "log10_density_to,features");
	json_array_foreach(json_object_get(figures, "runs"), i, run) {
		json_array_foreach(json_object_get(run, "windows"), k, window) {
			write_window(t, figures, run, window);
		}
	}
}

static void write_front(struct table *t, const json_t *figures) {
	size_t i;
	json_t *run;

	put_text(t, "run");
	put_text(t, "name");
	put_text(t, document_text(figures, "x.metric"));
	put_text(t, document_text(figures, "y.metric"));
	put_text(t, "n_tokens_folded");
	put_text(t, "on_front");
	put_text(t, "dominated_by");
	end_row(t);
	json_array_foreach(json_object_get(figures, "runs"), i, run) {
		put_text(t, document_text(run, "id"));
		put_text(t, document_text(run, "name"));
		put_number(t, json_object_get(run, "x"));
		put_number(t, json_object_get(run, "y"));
		put_number(t, json_object_get(run, "n_tokens_folded"));
		put_text(t, document_true(run, "on_front") ? "yes" : "no");
		put_text(t, document_text(run, "dominated_by"));
		end_row(t);
	}
}

int figures_write_csv(struct buf *out, const json_t *figures) {
	struct table t = {.out = out};
	const char *kind = document_text(figures, "kind");

	if (kind != NULL && strcmp(kind, "curves") == 0) {
		write_curves(&t, figures);
	} else if (kind != NULL && strcmp(kind, "density") == 0) {
		write_ridges(&t, figures);
	} else {
		write_front(&t, figures);
	}
	return t.err;
}
