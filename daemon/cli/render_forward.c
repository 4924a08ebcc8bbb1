#include "render_forward.h"

#include <string.h>

#include "fact_line.h"
#include "format.h"
#include "render_parts.h"

/* ---- states ---- */

/* What its words are about, and which figures belong to it. */
static const struct forward_kind {
	const char *state;
	enum style style;
	bool shows_lag, shows_rows; /* with the state itself */
} kinds[] = {
	{"off", STYLE_PLAIN, false, false},
	{"idle", STYLE_PLAIN, false, false},
	{"ok", STYLE_PLAIN, true, false},
	{"synced", STYLE_PLAIN, false, false},
	{"offline", STYLE_PLAIN, false, false},
	{"pending", STYLE_WARN, false, true},
	{"behind", STYLE_WARN, true, true},
	{"waiting", STYLE_WARN, false, false},
	{"refused", STYLE_BAD, false, false},
};

static bool is_state(const json_t *forward, const char *state) {
	const char *own = document_text(forward, "state");

	return own && strcmp(own, state) == 0;
}

/* Never NULL: a state this program does not know is plain. */
static const struct forward_kind *kind_of(const json_t *forward) {
	static const struct forward_kind unknown = {"", STYLE_PLAIN, false, false};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (is_state(forward, kinds[i].state)) {
			return &kinds[i];
		}
	}
	return &unknown;
}

/* ---- in the table ---- */

enum style render_forward_cell(const json_t *forward, const struct look *look, struct buf *text) {
	const struct forward_kind *kind = kind_of(forward);
	char figure[FORMAT_MAX];
	const char *state = document_text(forward, "state");
	double rows = document_count(forward, "pending_rows"), lag_s;

	(void)buf_printf(text, "%s", state ? state : "");
	if (!look->screen) {
		return kind->style;
	}
	if (kind->shows_rows && rows > 0) {
		(void)buf_printf(text, " %s", figure_count(figure, rows));
	}
	if (kind->shows_lag && look->width >= LOOK_WIDE &&
		document_number(forward, "lag_s", &lag_s)) {
		(void)buf_printf(
			text, "%s %s", kind->shows_rows ? "," : "", format_age(figure, lag_s));
	}
	return kind->style;
}

/* ---- in the title ---- */

void render_forward_title(const json_t *forward, bool is_wide, struct page *page) {
	const struct forward_kind *kind = kind_of(forward);
	const char *target = document_text(forward, "target");
	const char *state = document_text(forward, "state");
	char lag[FORMAT_MAX];
	double lag_s;

	if (!state) {
		return;
	}
	page_put(page, STYLE_PLAIN, ", forward ");
	if (is_wide && target && (kind->shows_lag || kind->style != STYLE_PLAIN)) {
		page_printf(page, STYLE_PLAIN, "%s: ", target);
	}
	page_put(page, kind->style, state);
	if (kind->shows_lag && document_number(forward, "lag_s", &lag_s)) {
		page_printf(page, STYLE_PLAIN, ", lag %s", format_age(lag, lag_s));
	}
}

/* ---- in full ---- */

static void add_rows(struct buf *text, const json_t *forward, const char *what) {
	char figure[FORMAT_MAX];
	double rows = document_count(forward, "pending_rows"), lag_s;

	(void)buf_printf(
		text, "%s %s%s", figure_grouped(figure, rows), rows == 1 ? "row" : "rows", what);
	if (document_number(forward, "lag_s", &lag_s)) {
		(void)buf_printf(text, ", oldest %s", format_duration(figure, lag_s));
	}
}

static void add_words(struct buf *text, const json_t *forward) {
	const char *words = document_text(forward, "words");
	char figure[FORMAT_MAX];
	double retry_in_s;

	if (words && words[0]) {
		(void)buf_printf(text, ": %s", words);
	}
	if (document_number(forward, "retry_in_s", &retry_in_s)) {
		(void)buf_printf(text, ", again in %s", format_duration(figure, retry_in_s));
	}
}

/* `wandb waiting: could not resolve host, again in 34s` */
static void add_state(struct buf *text, const json_t *forward) {
	const char *state = document_text(forward, "state");
	const char *target = document_text(forward, "target");
	char figure[FORMAT_MAX];
	double lag_s;

	(void)buf_printf(text, "%s %s", target ? target : "", state ? state : "-");
	if (is_state(forward, "behind")) {
		(void)buf_printf(text, ": ");
		add_rows(text, forward, "");
	} else if (is_state(forward, "ok") && document_number(forward, "lag_s", &lag_s)) {
		(void)buf_printf(text, ", lag %s", format_duration(figure, lag_s));
	} else if (is_state(forward, "waiting") || is_state(forward, "refused")) {
		add_words(text, forward);
	}
}

static void put(struct page *page, enum style style, struct buf *text) {
	const char *words = buf_text(text);

	if (words) {
		fact_flow(page, style, words);
	}
	buf_clear(text);
}

static void put_counts(
	const json_t *forward, const char *run_id, struct buf *text, struct page *page) {
	char figure[FORMAT_MAX];
	double refused = document_count(forward, "refused_rows");
	double skipped = document_count(forward, "skipped_rows");

	if (refused > 0) {
		facts_next_line(page);
		(void)buf_printf(text,
			"%s %s not taken: select * from refused_lines where run = '%s'",
			figure_grouped(figure, refused), refused == 1 ? "row was" : "rows were",
			run_id ? run_id : "");
		put(page, STYLE_WARN, text);
	}
	if (skipped > 0) {
		facts_next_line(page);
		(void)buf_printf(text, "%s %s not sent: W&B had %s already",
			figure_grouped(figure, skipped), skipped == 1 ? "row was" : "rows were",
			skipped == 1 ? "its step" : "their steps");
		put(page, STYLE_PLAIN, text);
	}
}

void render_forward_facts(const json_t *forward, const char *run_id, struct page *page) {
	const struct forward_kind *kind = kind_of(forward);
	const char *url = document_text(forward, "url");
	struct buf text = {0};

	if (is_state(forward, "off") || !document_text(forward, "state")) {
		fact_flow(page, STYLE_PLAIN, forward ? "off (local only)" : "-");
		return;
	}
	add_state(&text, forward);
	put(page, kind->style, &text);
	if (!kind->shows_lag && document_count(forward, "pending_rows") > 0) {
		add_rows(&text, forward, " kept");
		put(page, STYLE_PLAIN, &text);
	}
	if (url) {
		fact_flow(page, STYLE_PLAIN, url);
	}
	put_counts(forward, run_id, &text, page);
	buf_finish(&text);
}

static void render_note(const json_t *forward, const char *mark, struct page *page) {
	page_put(page, kind_of(forward)->style, mark);
	page_put(page, STYLE_DIM, "forward");
	page_tab(page, LABEL_WIDTH);
	render_forward_facts(forward, NULL, page);
	page_end_line(page);
}

static bool is_alert(const json_t *forward) {
	return document_text(forward, "alert") != NULL;
}

void render_forward_alert(const json_t *forward, struct page *page) {
	if (is_alert(forward)) {
		render_note(forward, "! ", page);
	}
}

void render_forward_trouble(const json_t *forward, struct page *page) {
	bool is_amiss = is_state(forward, "waiting") || is_state(forward, "refused");

	if (is_amiss && !is_alert(forward)) {
		render_note(forward, "  ", page);
	}
}
