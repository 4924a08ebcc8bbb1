#include "dead_words.h"

#include "format.h"
#include "render_parts.h"

static const struct {
	const char *name, *path;
} counts[] = {
	[DEAD_BY_PASSES] = {"by passes", "dead_features"},
	[DEAD_BY_TOKENS] = {"by tokens", "dead_10m_tokens"},
	[DEAD_BY_WINDOW] = {"by window", "never_fired"},
};

const char *dead_by_name(enum dead_by by) {
	return counts[by].name;
}

/* Dead by tokens may be told of, and not known. */
static bool put_count(const json_t *sparsity, enum dead_by by, struct buf *words) {
	double d_sae = document_count(sparsity, "d_sae"), value;
	char text[FORMAT_MAX];

	if (!document_number(sparsity, counts[by].path, &value)) {
		bool is_unknown = by == DEAD_BY_TOKENS &&
				  json_is_null(json_object_get(sparsity, counts[by].path));
		if (is_unknown) {
			(void)buf_printf(words, "not known");
		}
		return is_unknown;
	}
	(void)buf_printf(words, "%s", figure_grouped(text, value));
	if (d_sae > 0) {
		(void)buf_printf(words, " (%.1f %%)", 100 * value / d_sae);
	}
	return true;
}

static void put_passes(const json_t *run, const json_t *sparsity, struct buf *words) {
	double dead_window = document_count(run, "dead_feature_window");
	double n_steps = document_count(sparsity, "n_steps");
	char text[FORMAT_MAX];

	(void)buf_printf(words, ": silent for over %s steps", figure_grouped(text, dead_window));
	if (n_steps > 0) {
		(void)buf_printf(words, " (%s tokens)",
			format_count(text,
				dead_window * document_count(sparsity, "n_tokens") / n_steps, 4));
	}
}

bool dead_words(const json_t *run, enum dead_by by, struct buf *ret_words) {
	const json_t *sparsity = document_at(run, "sparsity");
	char text[FORMAT_MAX];

	buf_clear(ret_words);
	if (!put_count(sparsity, by, ret_words)) {
		return false;
	}
	if (by == DEAD_BY_PASSES) {
		put_passes(run, sparsity, ret_words);
	} else if (by == DEAD_BY_TOKENS) {
		(void)buf_printf(ret_words, ": silent for 10M tokens or more");
	} else {
		(void)buf_printf(ret_words, ": silent in all %s tokens of window %.0f",
			format_count(text, document_count(sparsity, "n_tokens"), 4),
			document_count(sparsity, "window"));
	}
	return true;
}
