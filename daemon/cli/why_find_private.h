/* Between the files that look for what is unusual. */
#pragma once

#include "report_row.h"
#include "why_find.h"

void why_findings_add(struct why_findings *f, const struct why_observation *o);

/* All steps of all attempts, and what their gradient's norm is called; f->removed_through is known. */
void why_look_at_steps(struct report *r, int64_t run, struct why_findings *f);
