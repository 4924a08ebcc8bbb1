/* What the trainer calls the norm of its gradient, and where it is. */
#include "why_find_private.h"

#include <stdio.h>
#include <string.h>

#include "gradient_norm.h"

/* So many of the first and of the newest steps are looked at for what the gradient's norm is called. */
#define GRADIENT_STEPS "1024"

/* ---- which it is ---- */

/* Of several the shortest. */
#define IS_GRADIENT " key" LIKE_GRADIENT_NORM " ORDER BY length(key), key LIMIT 1"

static void find_kept(struct report *r, int64_t run, struct why_findings *f) {
	sqlite3_stmt *st = report_query(r,
		"SELECT key FROM (SELECT extra FROM (SELECT extra FROM steps_data WHERE run = ?1 "
		"ORDER BY step LIMIT " GRADIENT_STEPS
		") UNION ALL SELECT extra FROM (SELECT extra FROM steps_data WHERE run = ?1 ORDER "
		"BY step DESC LIMIT " GRADIENT_STEPS ")), json_each(extra) WHERE" IS_GRADIENT,
		1, run);

	while (report_next(r, &st)) {
		snprintf(f->gradient, sizeof(f->gradient), "%s",
			(const char *)sqlite3_column_text(st, 0));
	}
}

/* A number that the trainer did not announce is in the history alone. Of all its rows: of a run that is fetched from a daemon
 * no others come, and both ways find the same. */
static void find_logged(struct report *r, int64_t run, struct why_findings *f) {
	sqlite3_stmt *st = report_query(r,
		"SELECT key, n FROM keys_data WHERE n IN (SELECT key FROM history_data WHERE run = "
		"?1 AND kind < 4 AND key IN (SELECT n FROM keys_data WHERE key" LIKE_GRADIENT_NORM
		")) AND" IS_GRADIENT,
		1, run);

	while (report_next(r, &st)) {
		snprintf(f->gradient, sizeof(f->gradient), "%s",
			(const char *)sqlite3_column_text(st, 0));
		f->gradient_key = sqlite3_column_int64(st, 1);
	}
}

bool why_has_gradient(sqlite3 *sql, int64_t run) {
	struct report r = {.sql = sql};
	struct why_findings f = {0};

	find_kept(&r, run, &f);
	return f.gradient[0] != '\0';
}

void why_find_gradient(struct report *r, int64_t run, struct why_findings *f) {
	find_kept(r, run, f);
	if (!f->gradient[0]) {
		find_logged(r, run, f);
	}
}

/* ---- its values ---- */

/* The value of that name in `extra`. A path is several times faster, and may not have everything in it that a name may. */
static char *extra_of(const char *name) {
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./: ";

	return name[strspn(name, plain)] == '\0'
		       ? sqlite3_mprintf("json_extract(extra, '$.\"%q\"')", name)
		       : sqlite3_mprintf(
				 "(SELECT value FROM json_each(extra) WHERE key = %Q)", name);
}

char *why_gradient_sql(const struct why_findings *f) {
	if (f->gradient_key != 0) {
		return sqlite3_mprintf(
			"(SELECT CASE h.kind WHEN 1 THEN 'NaN' WHEN 2 THEN 'Infinity' WHEN 3 THEN "
			"'-Infinity' ELSE h.value END FROM history_data h WHERE h.run = ?1 AND "
			"h.step = steps.step AND h.attempt = steps.attempt AND h.key = %lld ORDER "
			"BY h.line DESC LIMIT 1)",
			(long long)f->gradient_key);
	}
	return f->gradient[0] ? extra_of(f->gradient) : sqlite3_mprintf("NULL");
}
