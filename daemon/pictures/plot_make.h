/* From what `plot` is asked for to figures, and from figures to a picture. */
#pragma once

#include <jansson.h>
#include <stdatomic.h>

#include "buf.h"
#include "plot_options.h"

/* Returns an exit_status. Why it is not EXIT_OK is in o->words, or has been said on stderr where these are "". */
int plot_make(struct plot_options *o, const atomic_bool *stop, json_t **ret_figures);

/* On stderr, as the command; what people named goes to a terminal without its control characters. */
void plot_say(const struct plot_options *o, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* As high as was asked for, or as it suits the figures. */
double plot_height(const struct plot_options *o, const json_t *figures);

/* Appends the picture, of o->format. 0 or -ENOMEM. */
int plot_draw(const struct plot_options *o, const json_t *figures, struct buf *out);
