#include "plot.h"

#include <math.h>

#define LEVELS 8

static const char *const upward[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const upward_ascii[] = {" ", "_", ".", ",", "-", "=", "+", "*", "#"};
static const char *const rightward[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};

/* From where series of positive values look better on a logarithmic scale. */
#define LOG_SPAN 20.0

struct scale {
	double low, high;
	bool logarithmic;
};

/* 1 … LEVELS; the lowest when all values are the same. */
static int level_of(const struct scale *s, double value) {
	double low = s->logarithmic ? log(s->low) : s->low;
	double high = s->logarithmic ? log(s->high) : s->high;
	double at = s->logarithmic ? log(value) : value;

	/* Means of one value differ in their last digits. */
	if (!(high - low > 1e-9 * fabs(high))) {
		return 1;
	}
	return 1 + (int)fmin(LEVELS - 1, floor(LEVELS * (at - low) / (high - low)));
}

/* The mean of values[from, to): broken when any is, NaN when nothing is there. */
static double mean_of(const double *values, size_t from, size_t to) {
	double sum = 0;
	size_t n = 0;

	for (size_t i = from; i < to; i++) {
		if (isinf(values[i])) {
			return PLOT_BROKEN;
		}
		if (!isnan(values[i])) {
			sum += values[i];
			n++;
		}
	}
	return n > 0 ? sum / (double)n : NAN;
}

/* Of the columns as they are drawn, so that the greatest is as high as it goes. */
static struct scale scale_of(const double *values, size_t n, unsigned columns) {
	struct scale s = {.low = INFINITY, .high = -INFINITY};

	for (unsigned i = 0; i < columns; i++) {
		double value = mean_of(values, i * n / columns, (i + 1) * n / columns);
		if (isfinite(value)) {
			s.low = fmin(s.low, value);
			s.high = fmax(s.high, value);
		}
	}
	s.logarithmic = s.low > 0 && s.high / s.low >= LOG_SPAN;
	return s;
}

bool plot_spark(struct page *page, const double *values, size_t n, unsigned width) {
	unsigned columns = n < width ? (unsigned)n : width;
	struct scale scale = scale_of(values, n, columns);

	for (unsigned i = 0; i < columns; i++) {
		double value = mean_of(values, i * n / columns, (i + 1) * n / columns);
		if (isinf(value)) {
			page_put(page, STYLE_BAD, page->look.utf8 ? "×" : "x");
		} else {
			int level = isnan(value) ? 0 : level_of(&scale, value);
			page_put(page, STYLE_PLAIN,
				page->look.utf8 ? upward[level] : upward_ascii[level]);
		}
	}
	return scale.logarithmic;
}

void plot_bar(struct page *page, double share, unsigned width) {
	double filled = fmin(fmax(share, 0), 1) * width;
	unsigned eighths = (unsigned)floor(filled * 8 + 1e-9);
	unsigned whole = eighths / 8;

	for (unsigned i = 0; i < whole; i++) {
		page_put(page, STYLE_GOOD, page->look.utf8 ? "█" : "#");
	}
	if (page->look.utf8 && eighths % 8 > 0) {
		page_put(page, STYLE_GOOD, rightward[eighths % 8]);
		whole++;
	}
	for (unsigned i = whole; i < width; i++) {
		page_put(page, STYLE_DIM, page->look.utf8 ? "░" : ".");
	}
}

void plot_cell(struct page *page, enum style style, double fill) {
	if (!page->look.utf8) {
		page_put(page, style, fill <= 0 ? " " : fill < 0.5 ? "." : "#");
		return;
	}
	int level = fill <= 0 ? 0 : fill >= 1 ? LEVELS : (int)floor(fill * LEVELS);
	page_put(page, style, upward[level]);
}
