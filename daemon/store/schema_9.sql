-- Version 9: which features died and which came alive again.

-- In parts of 4,096 features, as features_data; a part without any has no row.
CREATE TABLE deaths_data (
	run INTEGER NOT NULL, attempt INTEGER NOT NULL, window INTEGER NOT NULL, part INTEGER NOT NULL,
	since INTEGER NOT NULL, died TEXT NOT NULL, revived TEXT,
	PRIMARY KEY (run, attempt, window, part)
) STRICT, WITHOUT ROWID;

CREATE VIEW deaths AS
-- Which features died, and which came alive again: a row a feature and window of those whose counts were kept (feature_counts).
SELECT
	r.id AS run, d.attempt, d.window,
	d.since, -- the step behind which it was: the last one of the window before whose counts were kept
	'died' AS what, -- dead by the end of this window, and not by then
	json_extract(j.value, '$[0]') AS feature,
	json_extract(j.value, '$[1]') AS last_fired -- the step it last fired at before it was dead; the one before the run's first: it never had
FROM deaths_data d JOIN runs_data r ON r.n = d.run, json_each(d.died) j
UNION ALL
SELECT
	r.id, d.attempt, d.window, d.since,
	'revived', -- dead by then, and has fired since
	json_extract(j.value, '$[0]'), json_extract(j.value, '$[1]')
FROM deaths_data d JOIN runs_data r ON r.n = d.run, json_each(d.revived) j;
