/* JSON as it is kept in rows: written by hand, because its numbers must read back exactly. */
#pragma once

#include <stdint.h>

#include "buf.h"
#include "message.h"

/* All return 0 or -ENOMEM. */
int json_put_text(struct buf *b, const char *text, size_t len);
/* Not-finite numbers become "NaN", "Infinity" and "-Infinity", in quotes. */
int json_put_number(struct buf *b, double value);
/* Whole numbers without a point: 3, not 3.0. */
int json_put_count(struct buf *b, double value);

/* `{"name": value}` members: the opening brace or a comma, and the name. Close with `}`. */
int json_put_member(struct buf *b, const char *name);

/* `[1.0, 2.5]`, each number written by `put`. */
int json_put_list(
	struct buf *b, const double *values, uint32_t n, int (*put)(struct buf *b, double value));
