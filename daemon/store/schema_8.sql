-- Version 8: alerts by rule, from when to when.

CREATE TABLE alerts_data (
	run INTEGER NOT NULL, n INTEGER NOT NULL, kind TEXT NOT NULL,
	attempt INTEGER NOT NULL, step INTEGER, time REAL NOT NULL, words TEXT NOT NULL,
	over_step INTEGER, over_time REAL, over_words TEXT,
	PRIMARY KEY (run, n)
) STRICT, WITHOUT ROWID;

CREATE VIEW alerts AS
-- What a rule of [alerts] has found of a run (sae-metricsd.conf(5)). What else is amiss with a run says `status`.
SELECT
	r.id AS run, a.kind, -- dead, l0, explained_variance, throughput or bad_run
	a.attempt, a.step, a.time, -- when it began: with the last step of a window, or with a logged one
	a.words, -- of the figure and the rule, then
	a.over_step, a.over_time, -- NULL: it still holds
	a.over_words
FROM alerts_data a JOIN runs_data r ON r.n = a.run;
