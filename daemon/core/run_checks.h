/* What is said of a step that is not as it should be: that the trainer's values are not those of its own counts, that
 * ranks differ, that a loss is no number. Each is an event, told now and then while it lasts. */
#pragma once

struct fold_sums;
struct folding;
struct measures;
struct run;

/* `sums`: NULL when the step came without counts. */
void run_checks_step(struct run *run, const struct folding *in, const struct fold_sums *sums,
	const struct measures *m);
