/* The windows around the moment, and what the run's own record says of about then. */
#include "why_private.h"

#define EVENTS_STEPS   500 /* before and behind the moment */
#define EVENTS_SECONDS 600 /* of those that have no step */

/* Three before that in which the moment is, and three from there; of deaths that in which they were seen. */
void why_put_windows(struct why_building *b) {
	bool deaths = b->first && b->first->kind == WHY_DEATHS && !b->query->has_at;

	why_put_rows(b, "windows",
		report_query(&b->r,
			"WITH w AS (SELECT * FROM windows WHERE run = " OF_RUN
			" AND attempt = ?2), "
			"behind AS (SELECT * FROM w WHERE (?4 AND window >= ?3) OR (NOT ?4 AND "
			"step_last >= ?3) ORDER BY window LIMIT 3), before AS (SELECT * FROM w "
			"WHERE (?4 AND window < ?3) OR (NOT ?4 AND step_last < ?3) ORDER BY window "
			"DESC LIMIT 3) "
			"SELECT window, step_first, step_last, complete AS \"complete:bool\", "
			"dead_features, revived, newly_dead, never_fired, d_sae FROM (SELECT * "
			"FROM before UNION ALL SELECT * FROM behind) ORDER BY window",
			4, b->query->run, b->attempt, deaths ? b->first->window : b->step,
			(int64_t)deaths));
}

/* Of the run's own record: what happened about then, checkpoints, and where attempts begin. */
void why_put_events(struct why_building *b) {
	why_put_rows(b, "events",
		report_query(&b->r,
			"WITH e AS (SELECT time, attempt, step, kind, text FROM events WHERE run "
			"= " OF_RUN
			" UNION ALL SELECT time, attempt, step, 'mark', text FROM marks WHERE run "
			"= " OF_RUN
			" UNION ALL SELECT time, attempt, step_first, 'attempt', 'attempt ' || "
			"attempt || CASE restored_from WHEN 'start' THEN '' ELSE ', state: ' || "
			"restored_from END FROM attempts WHERE attempt > 1 AND run = " OF_RUN
			"), t AS (SELECT time FROM steps WHERE run = " OF_RUN
			" AND step >= ?3 AND attempt = ?2 ORDER BY step LIMIT 1) "
			"SELECT time AS \"time:time\", attempt, step, kind, text FROM e WHERE "
			"abs(step - ?3) <= ?4 OR (step IS NULL AND abs(time - (SELECT time FROM "
			"t)) <= ?5) ORDER BY time, step LIMIT 40",
			5, b->query->run, b->attempt, b->step, (int64_t)EVENTS_STEPS,
			(int64_t)EVENTS_SECONDS));
}
