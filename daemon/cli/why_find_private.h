/* Between the files that look for what is unusual. */
#pragma once

#include "report_row.h"
#include "why_find.h"

void why_findings_add(struct why_findings *f, const struct why_observation *o);

/* f->gradient and f->gradient_key. */
void why_find_gradient(struct report *r, int64_t run, struct why_findings *f);
/* The value of the gradient's norm, of a row of the view `steps` of the run with the number ?1; to be freed. NULL: memory is short. */
char *why_gradient_sql(const struct why_findings *f);

/* All steps of all attempts, and what their gradient's norm is called; f->removed_through is known. */
void why_look_at_steps(struct report *r, int64_t run, struct why_findings *f);
