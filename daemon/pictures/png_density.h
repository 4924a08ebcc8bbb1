/* How many pixels of a PNG make an inch, which tells a word processor how large the picture is. Pure. */
#pragma once

#include "buf.h"

/* Appends the PNG with that said in it (its chunk pHYs). 0 or -ENOMEM. */
int png_density_append(struct buf *out, const uint8_t *png, size_t len, double dpi);
