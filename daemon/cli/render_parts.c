#include "render_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "alerts.h"
#include "format.h"
#include "render.h"
#include "render_forward.h"

static const struct state_look states[] = {
	{"running", "●", "*", STYLE_GOOD},
	{"stalled", "◐", "~", STYLE_WARN},
	{"finished", "✔", "+", STYLE_DIM},
	{"failed", "✗", "x", STYLE_BAD},
	{"crashed", "✗", "x", STYLE_BAD},
	{"preempted", "■", "#", STYLE_PLAIN},
	{"stopped", "■", "#", STYLE_PLAIN},
};

static const struct state_look state_unknown = {"unknown", "?", "?", STYLE_PLAIN};

const struct state_look *state_look_of(const json_t *run) {
	return state_look_named(document_text(run, "state"));
}

const struct state_look *state_look_named(const char *state) {
	for (size_t i = 0; state && i < sizeof(states) / sizeof(states[0]); i++) {
		if (strcmp(states[i].state, state) == 0) {
			return &states[i];
		}
	}
	return &state_unknown;
}

const char *state_glyph(const struct state_look *state, const struct look *look) {
	return look->utf8 ? state->glyph : state->ascii;
}

const char *run_label(const json_t *run) {
	const char *name = document_text(run, "name");
	const char *id = document_text(run, "id");

	return name && name[0] ? name : id ? id : "-";
}

bool run_needs_attention(const json_t *run) {
	static const char *const states_bad[] = {"stalled", "failed", "crashed"};
	const char *state = state_look_of(run)->state;

	for (size_t i = 0; i < sizeof(states_bad) / sizeof(states_bad[0]); i++) {
		if (strcmp(state, states_bad[i]) == 0) {
			return !alerts_know(run, state) || alerts_open(run) > 0;
		}
	}
	return alerts_open(run) > 0;
}

char *figure_plain(char *out, double value) {
	if (!isfinite(value)) {
		return format_general(out, value);
	}
	snprintf(out, FORMAT_MAX, "%.0f", value);
	return out;
}

char *figure_count(char *out, double value) {
	return format_count(out, value, 4);
}

char *figure_step(char *out, double value) {
	return format_count(out, value, 5);
}

char *figure_grouped(char *out, double value) {
	return value >= 0 && value < 1e19 ? format_grouped(out, (uint64_t)value)
					  : format_general(out, value);
}

char *figure_ratio(char *out, double value) {
	if (!isfinite(value) || fabs(value) >= 100) {
		return format_general(out, value);
	}
	snprintf(out, FORMAT_MAX, "%.3f", value);
	return out;
}

enum style figure_text(
	const json_t *object, const char *path, number_format format, char *out, size_t size) {
	char text[FORMAT_MAX] = "-";
	double value = 0;

	if (document_number(object, path, &value)) {
		format(text, value);
	}
	snprintf(out, size, "%s", text);
	return isfinite(value) ? STYLE_PLAIN : STYLE_BAD;
}

bool run_progress(const json_t *run, double *ret) {
	static const char *const pairs[][2] = {
		{"step", "total_training_steps"},
		{"n_training_tokens", "total_training_tokens"},
	};
	double done, total;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if (document_number(run, pairs[i][0], &done) &&
			document_number(run, pairs[i][1], &total) && total > 0) {
			/* Steps count from 0: after step n, n + 1 are done. */
			*ret = (i == 0 ? done + 1 : done) / total;
			return true;
		}
	}
	return false;
}

bool run_window_is_incomplete(const json_t *run) {
	return json_is_false(document_at(run, "sparsity.complete"));
}

enum style alert_style(const char *kind) {
	static const char *const grave[] = {"nan", "crashed", "failed", "lost", "dropped",
		"forward_refused", "outbox", "bad_run"};

	for (size_t i = 0; kind && i < sizeof(grave) / sizeof(grave[0]); i++) {
		if (strcmp(grave[i], kind) == 0) {
			return STYLE_BAD;
		}
	}
	return STYLE_WARN;
}

static void render_alert(
	const json_t *alert, const char *label, unsigned label_width, struct page *page) {
	const char *words = document_text(alert, "words");
	bool is_known = alert_is_known(alert);
	enum style style = is_known ? STYLE_DIM : alert_style(document_text(alert, "kind"));
	char age[FORMAT_MAX + 24] = "";
	char duration[FORMAT_MAX];
	double since;

	if (document_time(alert, "since", &since)) {
		snprintf(age, sizeof(age), "%s ago",
			format_duration(duration, page->look.now - since));
	}
	page_put(page, style, is_known ? "  " : "! ");
	if (label) {
		page_put_left(page, STYLE_NAME, label, label_width);
		page_put(page, STYLE_PLAIN, "  ");
	}

	if (is_known) {
		page_printf(page, style,
			"acknowledged by %s: ", document_text(alert, "acknowledged.by"));
	}

	/* The age stands at the right edge, where there is one and the words leave room. */
	unsigned room = page_room(page);
	unsigned needed = glyph_columns(words ? words : "-", page->look.utf8);
	unsigned age_width = glyph_columns(age, page->look.utf8);
	page_put_cut(page, style, words ? words : "-", room);
	if (age[0] && page->look.width > 0 && needed + 2 + age_width <= room) {
		page_tab(page, page->look.width - age_width);
		page_put(page, STYLE_DIM, age);
	}
	page_end_line(page);
}

void render_alerts(const json_t *run, const char *label, unsigned label_width, struct page *page) {
	const json_t *alerts = document_at(run, "alerts");

	for (size_t i = 0; i < json_array_size(alerts); i++) {
		render_alert(json_array_get(alerts, i), label, label_width, page);
	}
}

void render_event(const json_t *event, struct page *page) {
	const char *kind = document_text(event, "kind");
	const char *text = document_text(event, "text");
	char step[FORMAT_MAX];
	double at;

	if (document_number(event, "step", &at)) {
		page_printf(page, STYLE_PLAIN, "step %s  ", figure_grouped(step, at));
	}
	page_printf(page, STYLE_NAME, "%s", kind ? kind : "");
	page_put(page, STYLE_PLAIN, "  ");
	page_put_cut(page, STYLE_PLAIN, text ? text : "", page_room(page));
	page_end_line(page);
}

static void render_note(enum style style, const char *words, struct page *page) {
	if (words) {
		page_put(page, style, "! ");
		page_put_cut(page, style, words, page_room(page));
		page_end_line(page);
	}
}

void render_daemon_notes(const json_t *daemon, struct page *page) {
	render_note(STYLE_BAD, document_text(daemon, "trouble"), page);
	render_note(STYLE_BAD, document_text(daemon, "holding.words"), page);
	render_note(STYLE_WARN, document_text(daemon, "too_large"), page);
	render_note(STYLE_WARN, document_text(daemon, "cadence"), page);
	render_forward_alert(document_at(daemon, "forward"), page);
}
