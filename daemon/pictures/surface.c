#include "surface.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <cairo.h>
#include <pango/pangocairo.h>

#include "png_density.h"

#define INCH_UNITS  96.0
#define INCH_POINTS 72.0
#define FONT        "sans-serif"

struct surface {
	struct canvas canvas; /* first: a canvas is turned back into us */
	enum surface_format format;
	double dpi;
	cairo_surface_t *surface;
	cairo_t *cairo;
	PangoLayout *layout;
	struct buf bytes;
	int status;
};

static struct surface *of(struct canvas *c) {
	return (struct surface *)c;
}

/* ---- drawing ---- */

static void use_colour(struct surface *s, struct colour c) {
	cairo_set_source_rgba(s->cairo, c.red, c.green, c.blue, c.alpha);
}

static void use_pen(struct surface *s, const struct pen *pen) {
	use_colour(s, pen->colour);
	cairo_set_line_width(s->cairo, pen->width);
	cairo_set_dash(s->cairo, &pen->dash, pen->dash > 0 ? 1 : 0, 0);
}

static void trace(struct surface *s, const struct place *places, size_t n) {
	cairo_move_to(s->cairo, places[0].x, places[0].y);
	for (size_t i = 1; i < n; i++) {
		cairo_line_to(s->cairo, places[i].x, places[i].y);
	}
}

static void draw_line(
	struct canvas *c, const struct place *places, size_t n, const struct pen *pen) {
	struct surface *s = of(c);

	use_pen(s, pen);
	trace(s, places, n);
	cairo_stroke(s->cairo);
}

static void draw_area(
	struct canvas *c, const struct place *places, size_t n, struct colour colour) {
	struct surface *s = of(c);

	use_colour(s, colour);
	trace(s, places, n);
	cairo_close_path(s->cairo);
	cairo_fill(s->cairo);
}

static void draw_disc(struct canvas *c, struct place centre, double radius, struct colour fill,
	const struct pen *rim) {
	struct surface *s = of(c);

	use_colour(s, fill);
	cairo_new_path(s->cairo);
	cairo_arc(s->cairo, centre.x, centre.y, radius, 0, 2 * M_PI);
	cairo_fill_preserve(s->cairo);
	use_pen(s, rim);
	cairo_stroke(s->cairo);
}

static void set_words(struct surface *s, const char *text, double size, bool bold) {
	PangoFontDescription *font = pango_font_description_new();

	pango_font_description_set_family_static(font, FONT);
	pango_font_description_set_weight(font, bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
	pango_font_description_set_absolute_size(font, size * PANGO_SCALE);
	pango_layout_set_font_description(s->layout, font);
	pango_layout_set_text(s->layout, text, -1);
	pango_font_description_free(font);
}

static double words_width(struct canvas *c, const char *text, double size, bool bold) {
	struct surface *s = of(c);
	PangoRectangle extents;

	set_words(s, text, size, bold);
	pango_layout_get_extents(s->layout, NULL, &extents);
	return (double)extents.width / PANGO_SCALE;
}

static void draw_words(
	struct canvas *c, struct place at, const char *text, const struct lettering *l) {
	struct surface *s = of(c);
	double width = words_width(c, text, l->size, l->bold);
	double start = l->anchor == ANCHOR_START    ? 0
		       : l->anchor == ANCHOR_MIDDLE ? width / 2
						    : width;

	use_colour(s, l->colour);
	cairo_save(s->cairo);
	cairo_translate(s->cairo, at.x, at.y);
	cairo_rotate(s->cairo, l->upward ? -M_PI / 2 : 0);
	cairo_move_to(
		s->cairo, -start, -(double)pango_layout_get_baseline(s->layout) / PANGO_SCALE);
	pango_cairo_show_layout(s->cairo, s->layout);
	cairo_restore(s->cairo);
}

static void clip(struct canvas *c, const struct box *box) {
	struct surface *s = of(c);

	cairo_reset_clip(s->cairo);
	if (box != NULL) {
		cairo_rectangle(s->cairo, box->left, box->top, box->right - box->left,
			box->bottom - box->top);
		cairo_clip(s->cairo);
	}
}

static const struct canvas_kind kind = {
	.line = draw_line,
	.area = draw_area,
	.disc = draw_disc,
	.words = draw_words,
	.width_of = words_width,
	.clip = clip,
};

/* ---- life ---- */

static cairo_status_t take_bytes(void *user, const unsigned char *data, unsigned len) {
	struct surface *s = user;

	return buf_append(&s->bytes, data, len) == 0 ? CAIRO_STATUS_SUCCESS
						     : CAIRO_STATUS_NO_MEMORY;
}

static cairo_surface_t *make_surface(struct surface *s, const struct surface_size *size) {
	double scale = s->format == SURFACE_PNG ? size->dpi / INCH_UNITS : INCH_POINTS / INCH_UNITS;
	double width = size->width * scale, height = size->height * scale;
	cairo_surface_t *made;

	if (s->format == SURFACE_PNG) {
		return cairo_image_surface_create(
			CAIRO_FORMAT_RGB24, (int)lround(width), (int)lround(height));
	}
	if (s->format == SURFACE_PDF) {
		made = cairo_pdf_surface_create_for_stream(take_bytes, s, width, height);
		cairo_pdf_surface_set_metadata(made, CAIRO_PDF_METADATA_CREATOR, "sae-metricsd");
		return made;
	}
	return cairo_svg_surface_create_for_stream(take_bytes, s, width, height);
}

struct surface *surface_create(enum surface_format format, const struct surface_size *size) {
	struct surface *s = calloc(1, sizeof *s);

	if (s == NULL) {
		return NULL;
	}
	s->canvas.kind = &kind;
	s->format = format;
	s->dpi = size->dpi;
	s->surface = make_surface(s, size);
	s->cairo = cairo_create(s->surface);
	double scale = format == SURFACE_PNG ? size->dpi / INCH_UNITS : INCH_POINTS / INCH_UNITS;
	cairo_scale(s->cairo, scale * size->zoom, scale * size->zoom);
	cairo_set_line_join(s->cairo, CAIRO_LINE_JOIN_ROUND);
	s->layout = pango_cairo_create_layout(s->cairo);
	/* Letters are as wide at any size: a PNG's lines break where an SVG's do. */
	cairo_font_options_t *options = cairo_font_options_create();
	cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
	cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
	cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
	pango_cairo_context_set_font_options(pango_layout_get_context(s->layout), options);
	cairo_font_options_destroy(options);
	pango_layout_set_single_paragraph_mode(s->layout, TRUE);
	return s;
}

struct canvas *surface_canvas(struct surface *s) {
	return &s->canvas;
}

int surface_write(struct surface *s, struct buf *out) {
	cairo_status_t status = cairo_status(s->cairo);

	if (status == CAIRO_STATUS_SUCCESS && s->format == SURFACE_PNG) {
		cairo_surface_flush(s->surface);
		status = cairo_surface_write_to_png_stream(s->surface, take_bytes, s);
	}
	cairo_surface_finish(s->surface);
	if (status == CAIRO_STATUS_SUCCESS) {
		status = cairo_surface_status(s->surface);
	}
	if (status != CAIRO_STATUS_SUCCESS) {
		return -ENOMEM;
	}
	return s->format == SURFACE_PNG
		       ? png_density_append(out, s->bytes.data, s->bytes.len, s->dpi)
		       : buf_append(out, s->bytes.data, s->bytes.len);
}

void surface_destroy(struct surface *s) {
	if (s == NULL) {
		return;
	}
	g_object_unref(s->layout);
	cairo_destroy(s->cairo);
	cairo_surface_destroy(s->surface);
	buf_finish(&s->bytes);
	free(s);
}
