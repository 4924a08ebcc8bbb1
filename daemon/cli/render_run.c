#include "render_run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "fact_line.h"
#include "format.h"
#include "plot.h"
#include "render.h"
#include "render_forward.h"
#include "render_parts.h"

#define BAR_WIDTH      20u
#define EVENTS_SHOWN   5u
#define ATTEMPTS_SHOWN 3u

/* `running 42m, last step 0.1s ago`, `failed with exit code 1 after 42m, 2h14m ago` */
static void render_state(const json_t *run, struct page *page) {
	const struct state_look *state = state_look_of(run);
	char text[FORMAT_MAX];
	double duration, age, ended;

	page_put(page, state->style, state->state);
	if (strcmp(state->state, "failed") == 0) {
		page_printf(page, state->style, " with exit code %.0f",
			document_count(run, "exit_code"));
	}
	bool over = document_time(run, "ended", &ended);
	if (document_number(run, "duration_s", &duration)) {
		page_printf(page, STYLE_PLAIN, "%s %s", over ? " after" : "",
			format_duration(text, duration));
	}
	if (over) {
		page_printf(page, STYLE_PLAIN, ", %s ago",
			format_duration(text, page->look.now - ended));
	} else if (document_number(run, "last_step_age_s", &age)) {
		page_printf(page, STYLE_PLAIN, ", last step %s ago", format_duration(text, age));
	}
}

static void render_head(const json_t *run, struct page *page) {
	const struct state_look *state = state_look_of(run);

	if (page->look.screen) {
		page_put(page, state->style, state_glyph(state, &page->look));
		page_put(page, STYLE_PLAIN, " ");
	}
	page_put(page, STYLE_NAME, run_label(run));
	page_put(page, STYLE_PLAIN, "   ");
	render_state(run, page);
	page_end_line(page);

	facts_label("run", page);
	fact_text(run, "id", "id", page);
	fact_text(run, "project", "project", page);
	fact_text(run, "group", "group", page);
	fact_text(run, "user", "user", page);
	fact_number(run, "pid", "pid", figure_plain, page);
	fact_text(run, "via", "source", page);
	page_end_line(page);
}

/* Of one that failed the alert has them. */
static void render_end_words(const json_t *run, struct page *page) {
	const char *words = document_text(run, "end_words");
	const char *state = document_text(run, "state");

	if (words && state && strcmp(state, "failed") != 0) {
		facts_label("ended", page);
		page_put_cut(page, STYLE_PLAIN, words, page_room(page));
		page_end_line(page);
	}
}

/* `ETA 4h31m, at 20:33`; with the day when that is not within a day. */
static void render_eta(const json_t *run, struct page *page) {
	char duration[FORMAT_MAX], clock[64];
	double eta;
	struct tm tm;

	if (!document_number(run, "eta_s", &eta) || !isfinite(eta) || fabs(eta) > 1e9) {
		return;
	}
	time_t at = (time_t)(page->look.now + eta);
	localtime_r(&at, &tm);
	strftime(clock, sizeof(clock), eta < 86400 ? "%H:%M" : "%Y-%m-%d %H:%M", &tm);
	fact_put(page, STYLE_PLAIN, "ETA %s %s", format_duration(duration, eta), clock);
}

static void render_of(const json_t *run, const char *path, const char *total_path,
	number_format format, struct page *page) {
	char done[FORMAT_MAX], total[FORMAT_MAX];
	double value;

	figure_text(run, path, format, done, sizeof(done));
	if (document_number(run, total_path, &value)) {
		fact_put(page, STYLE_PLAIN, "%s of %s", done, format(total, value));
	} else {
		fact_put(page, STYLE_PLAIN, "%s", done);
	}
}

static void render_steps(const json_t *run, struct page *page) {
	double progress;

	facts_label("step", page);
	render_of(run, "step", "total_training_steps", figure_grouped, page);
	if (run_progress(run, &progress)) {
		page_put(page, STYLE_PLAIN, "   ");
		plot_bar(page, progress, BAR_WIDTH);
		double percent = round(1000 * progress) / 10;
		page_printf(page, STYLE_PLAIN, "  %.1f %%",
			progress < 1 ? fmin(percent, 99.9) : percent);
	}
	render_eta(run, page);
	page_end_line(page);
}

static void render_tokens(const json_t *run, struct page *page) {
	char text[FORMAT_MAX];
	double rate;

	facts_label("tokens", page);
	render_of(run, "n_training_tokens", "total_training_tokens", figure_count, page);
	if (document_number(run, "rate.tokens_per_s", &rate)) {
		fact_put(page, STYLE_PLAIN, "%s tok/s", figure_count(text, rate));
	}
	if (document_number(run, "rate.steps_per_s", &rate)) {
		fact_put(page, STYLE_PLAIN, "%s step/s", format_significant(text, rate));
	}
	fact_number(run, "images", "n_training_images", figure_count, page);
	page_end_line(page);
}

static void render_config(const json_t *run, struct page *page) {
	double d_in = document_count(run, "d_in"), d_sae = document_count(run, "d_sae");
	const char *architecture = document_text(run, "architecture");

	if (!document_at(run, "profile")) {
		return;
	}
	facts_label("config", page);
	if (d_in > 0) {
		fact_put(page, STYLE_PLAIN, "d_in %.0f", d_in);
	}
	if (d_sae > 0 && d_in > 0 && fmod(d_sae, d_in) == 0) {
		fact_put(page, STYLE_PLAIN, "d_sae %.0f (x%.0f)", d_sae, d_sae / d_in);
	} else if (d_sae > 0) {
		fact_put(page, STYLE_PLAIN, "d_sae %.0f", d_sae);
	}
	fact_number(run, "l1", "details.l1_coefficient", format_general, page);
	fact_number(run, "lr", "details.current_learning_rate", format_general, page);
	fact_number(run, "batch", "train_batch_size", figure_step, page);
	fact_text(run, "profile", "profile", page);
	if (architecture && strcmp(architecture, "standard") != 0) {
		fact_put(page, STYLE_PLAIN, "%s", architecture);
	}
	fact_number(run, "window", "feature_sampling_window", figure_step, page);
	fact_number(run, "dead after", "dead_feature_window", figure_step, page);
	fact_number(run, "logged every", "wandb_log_frequency", figure_step, page);
	page_end_line(page);
}

static void render_ranks(const json_t *run, struct page *page) {
	double ranks = document_count(run, "world_size"), connected;
	const char *waiting = document_text(run, "waiting_for");

	if (ranks < 2 && !waiting) {
		return;
	}
	facts_label("ranks", page);
	if (document_number(run, "streams_connected", &connected)) {
		fact_put(page, STYLE_PLAIN, "%.0f of %.0f connected", connected, ranks);
	} else {
		fact_put(page, STYLE_PLAIN, "%.0f", ranks);
	}
	if (waiting) {
		fact_put(page, STYLE_WARN, "waiting for %s", waiting);
	}
	page_end_line(page);
}

/* Where an attempt's state came from, and whether that leaves its first windows inexact. */
static void render_restored_from(const char *from, struct page *page) {
	static const struct {
		const char *from, *words;
		enum style style;
	} origins[] = {
		{"continued", "went on where it was", STYLE_PLAIN},
		{"state", "with the state of the trainer's checkpoint", STYLE_PLAIN},
		{"mark", "with the state of its mark", STYLE_PLAIN},
		{"none", "without the state of what was before", STYLE_WARN},
	};

	for (size_t i = 0; from && i < sizeof(origins) / sizeof(origins[0]); i++) {
		if (strcmp(origins[i].from, from) == 0) {
			fact_put(page, origins[i].style, "%s", origins[i].words);
		}
	}
}

static void render_attempts(const json_t *run, struct page *page) {
	const json_t *attempts = document_at(run, "attempts");
	size_t n = json_array_size(attempts);
	char step[FORMAT_MAX];

	/* The first attempt of a run that was never resumed says nothing. */
	for (size_t i = n > ATTEMPTS_SHOWN ? n - ATTEMPTS_SHOWN : 0; n > 1 && i < n; i++) {
		const json_t *one = json_array_get(attempts, i);
		facts_label("attempt", page);
		fact_put(page, STYLE_PLAIN, "%.0f", document_count(one, "attempt"));
		fact_put(page, STYLE_PLAIN, "from step %s",
			figure_grouped(step, document_count(one, "step_first")));
		render_restored_from(document_text(one, "restored_from"), page);
		page_end_line(page);
	}
}

static void render_forwarding(const json_t *run, struct page *page) {
	page_end_line(page);
	facts_label("forward", page);
	render_forward_facts(document_at(run, "forward"), document_text(run, "id"), page);
	page_end_line(page);
}

static void render_traffic(const json_t *run, struct page *page) {
	static const char *const losses[][2] = {{"late", "client.late"},
		{"refused", "client.refused"}, {"lost", "client.lost"},
		{"steps missing", "client.missing_steps"}};
	double dropped = document_count(run, "client.dropped");
	char text[FORMAT_MAX];

	facts_label("client", page);
	fact_number(run, "messages", "client.messages", figure_grouped, page);
	fact_put(page, dropped > 0 ? STYLE_BAD : STYLE_PLAIN, "dropped %s",
		figure_grouped(text, dropped));
	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		double count = document_count(run, losses[i][1]);
		if (count > 0) {
			fact_put(page, STYLE_BAD, "%s %s", losses[i][0],
				figure_grouped(text, count));
		}
	}
	page_end_line(page);
}

/* While its trainer has to keep what it logs. */
static void render_outbox(const json_t *run, struct page *page) {
	const char *words = document_text(run, "outbox.words");
	char filled[FORMAT_MAX];

	if (words) {
		facts_label("outbox", page);
		fact_put(page, STYLE_WARN, "holds about %s",
			format_bytes(filled, document_count(run, "outbox.filled_bytes")));
		fact_put(page, STYLE_WARN, "%s", words);
		page_end_line(page);
	}
}

/* What is not there any more is no flaw of the run, and hides nothing: it is said. */
static void render_removed(const json_t *run, struct page *page) {
	const json_t *removed = document_at(run, "removed");

	for (size_t i = 0; i < json_array_size(removed); i++) {
		const char *words = document_text(json_array_get(removed, i), "words");
		facts_label(i == 0 ? "removed" : "", page);
		page_put_cut(page, STYLE_DIM, words ? words : "", page_room(page));
		page_end_line(page);
	}
}

static void render_events(const json_t *run, struct page *page) {
	const json_t *events = document_at(run, "events");
	size_t n = json_array_size(events);
	char age[FORMAT_MAX];
	double time;

	for (size_t i = 0; i < n && i < EVENTS_SHOWN; i++) {
		const json_t *event = json_array_get(events, i);
		facts_label(i == 0 ? "events" : "", page);
		if (document_time(event, "time", &time)) {
			page_put_right(page, STYLE_DIM, format_age(age, page->look.now - time), 4);
			page_put(page, STYLE_DIM, " ago  ");
		}
		render_event(event, page);
	}
}

/* What the words and the shapes mean; for people, so only on a screen. */
static void render_legend(const json_t *run, struct page *page) {
	static const char *const lines[][2] = {
		{"by passes", "the trainer's own count, as of the last row; 0 until so many steps"},
		{"by tokens", "as others count them, whatever the batches; exact, or not known"},
		{"by window", "never fired in it; what is too rare for that window looks the same"},
		{"left hump", "near the resolution: the ultra-low cluster, rarely interpretable"},
		{"right tail", "above 0.1: dense features; many of them mean too low a penalty"},
	};

	if (!page->look.screen || document_count(run, "sparsity.n_tokens") < 1) {
		return;
	}
	page_end_line(page);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		page_tab(page, 2);
		page_put_left(page, STYLE_DIM, lines[i][0], 12);
		page_put(page, STYLE_DIM, lines[i][1]);
		page_end_line(page);
	}
}

void render_run(const json_t *document, const json_t *run, struct page *page) {
	render_daemon_notes(document_at(document, "daemon"), page);
	render_head(run, page);
	render_end_words(run, page);
	render_steps(run, page);
	render_tokens(run, page);
	render_config(run, page);
	render_ranks(run, page);
	render_attempts(run, page);
	render_alerts(run, NULL, 0, page);
	render_curves(run, page);
	render_density(run, page);
	render_window_curves(run, page);
	render_forwarding(run, page);
	render_traffic(run, page);
	render_outbox(run, page);
	render_removed(run, page);
	render_events(run, page);
	render_legend(run, page);
}
