#include "report_config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_write.h"

#define KEY_MAX   256u
#define VALUE_MAX 300u /* bytes that are shown of one value */
#define DEPTH_MAX 8u

/* Puts what is nested beside the rest: {"a": {"b": 1}} is a.b. */
static void flatten(json_t *into, const char *prefix, const json_t *object, unsigned depth) {
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value) {
		char name[KEY_MAX];
		snprintf(name, sizeof name, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", key);
		if (json_is_object(value) && json_object_size(value) > 0 && depth < DEPTH_MAX) {
			flatten(into, name, value, depth + 1);
		} else if (json_object_set(into, name, value) < 0) {
			/* A long key that was cut within a character: under one that is whole. */
			(void)json_object_set(into, "(a key that is too long)", value);
		}
	}
}

static json_t *flat(const json_t *config) {
	json_t *made = json_object();

	flatten(made, "", config, 0);
	return made;
}

static void put_value(struct html *h, const json_t *value) {
	struct buf text = {0};
	const char *plain = json_string_value(value);

	if (value == NULL) {
		html_text(h, "-");
		return;
	}
	if (plain == NULL && json_write(&text, value, JSON_ONE_LINE) == 0) {
		plain = buf_text(&text);
	}
	if (plain == NULL) {
		h->err = -ENOMEM;
	} else if (strlen(plain) > VALUE_MAX) {
		html_printf(h, "%.*s", (int)VALUE_MAX, plain);
		html_tags(h, "…");
	} else {
		html_text(h, plain);
	}
	buf_finish(&text);
}

static void begin_row(struct html *h, const char *key) {
	html_tags(h, "<tr><th scope=\"row\">");
	html_text(h, key);
	html_tags(h, "</th>");
}

static void put_cell(struct html *h, const json_t *value) {
	html_tags(h, "<td>");
	put_value(h, value);
	html_tags(h, "</td>");
}

static void put_rest(struct html *h, size_t n) {
	if (n > REPORT_CONFIG_ROWS_MAX) {
		html_tags(h, "<tr><td class=\"faint\">");
		html_printf(h, "%zu more are left out", n - REPORT_CONFIG_ROWS_MAX);
		html_tags(h, "</td></tr>\n");
	}
}

void report_config_write(struct html *h, const json_t *config) {
	json_t *all = flat(config), *value;
	const char *key;
	size_t n = 0;

	json_object_foreach(all, key, value) {
		if (n++ < REPORT_CONFIG_ROWS_MAX) {
			begin_row(h, key);
			put_cell(h, value);
			html_tags(h, "</tr>\n");
		}
	}
	put_rest(h, n);
	if (n == 0) {
		html_tags(h, "<tr><td class=\"faint\">none was given</td></tr>\n");
	}
	json_decref(all);
}

/* ---- several ---- */

static bool differs(json_t *const *all, size_t n, const char *key) {
	const json_t *first = json_object_get(all[0], key);

	for (size_t i = 1; i < n; i++) {
		const json_t *other = json_object_get(all[i], key);
		if ((first == NULL) != (other == NULL) ||
			(first != NULL && !json_equal(first, other))) {
			return true;
		}
	}
	return false;
}

static void put_differences(struct html *h, json_t *const *all, size_t n, json_t *names) {
	const char *key;
	json_t *unused;
	size_t n_rows = 0;

	json_object_foreach(names, key, unused) {
		if (!differs(all, n, key) || n_rows++ >= REPORT_CONFIG_ROWS_MAX) {
			continue;
		}
		begin_row(h, key);
		for (size_t i = 0; i < n; i++) {
			put_cell(h, json_object_get(all[i], key));
		}
		html_tags(h, "</tr>\n");
	}
	put_rest(h, n_rows);
}

void report_config_write_differences(struct html *h, const json_t *const *configs, size_t n) {
	json_t **all = calloc(n + 1, sizeof(json_t *)), *names = json_object();

	if (all == NULL || names == NULL) {
		h->err = -ENOMEM;
	} else {
		for (size_t i = 0; i < n; i++) {
			all[i] = flat(configs[i]);
			(void)json_object_update_missing(names, all[i]);
		}
		put_differences(h, all, n, names);
		for (size_t i = 0; i < n; i++) {
			json_decref(all[i]);
		}
	}
	json_decref(names);
	free(all);
}
