/* Inside of the courier: for courier*.c alone. */
#pragma once

#include "courier.h"

void courier_drop_lines(struct courier *c);
/* What was asked for while it was busy. */
void courier_resume_if_wanted(struct courier *c);
bool courier_summary_is_new(const struct courier *c);

/* Nothing more is sent until somebody says so; kept in the database. The words say what helps, if anything does. */
void courier_park(struct courier *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* W&B's newest line, against what the database has under its number. */
void courier_compare(struct courier *c, const struct forward_line *ours);
