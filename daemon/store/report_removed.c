#include "removed.h"
#include "report_row.h"

struct removals {
	struct report *report;
	json_t *list; /* borrowed */
};

static void add(void *user, const struct removed *removed) {
	struct removals *r = user;
	json_t *object = json_object();
	report_append(r->report, r->list, object);
	report_set(r->report, object, "what", json_string(removed->what));
	report_set(r->report, object, "step_last", json_integer(removed->step_last));
	report_set(r->report, object, "time_last", report_time(removed->time_last));
	report_set(r->report, object, "rows", json_integer(removed->n_rows));
	report_set(r->report, object, "removed", report_time(removed->removed));
	report_set(r->report, object, "why", json_string(removed->why));
	report_set(r->report, object, "words", json_string(removed->words));
}

void report_removed(struct report *r, const struct report_run *run) {
	struct removals removals = {.report = r, .list = json_array()};
	report_set(r, run->object, "removed", removals.list);
	if (r->err == 0) {
		int err = removed_each(r->sql, run->n, add, &removals);
		r->err = r->err < 0 ? r->err : err;
	}
}
