-- Version 4: what retention has removed.

-- Of a run, by what it was. Rows of steps that the curves are drawn of stay behind; so where retention
-- stands in them is kept (`through`), and by which attempt: a later one may have gone back behind it.
CREATE TABLE removed_data (
	run INTEGER NOT NULL,
	what INTEGER NOT NULL, -- 0 steps, 1 lines, 2 windows
	through INTEGER NOT NULL, attempt INTEGER NOT NULL,
	step_last INTEGER, time_last REAL, n_rows INTEGER NOT NULL,
	removed REAL NOT NULL, why TEXT NOT NULL,
	PRIMARY KEY (run, what)
) STRICT, WITHOUT ROWID;

-- Whole runs. The number is not given again: rows under it may still be there while `collected` is 0.
CREATE TABLE removed_runs_data (
	n INTEGER PRIMARY KEY,
	id TEXT NOT NULL, name TEXT, project TEXT, user TEXT, uid INTEGER,
	private INTEGER NOT NULL, state TEXT NOT NULL, step INTEGER, started REAL, last_seen REAL,
	removed REAL NOT NULL, why TEXT NOT NULL, collected INTEGER NOT NULL
) STRICT;
CREATE INDEX removed_runs_by_id ON removed_runs_data (id);
CREATE INDEX removed_runs_to_collect ON removed_runs_data (n) WHERE collected = 0;

CREATE VIEW removed AS
-- What retention took of runs that are still there, in a row each of steps, lines and windows.
SELECT
	r.id AS run,
	-- steps: all but every so many-th, which the curves are drawn of, and the newest; lines: what was
	-- logged, in history, histograms and lines; windows: all but the newest
	CASE d.what WHEN 0 THEN 'steps' WHEN 1 THEN 'lines' ELSE 'windows' END AS what,
	d.step_last, -- rows up to this step are gone …
	d.time_last, -- … which was at this time by the trainer's clock
	d.n_rows, -- so many were removed
	d.removed, -- the last of them at this time
	d.why -- the setting that asked for it, as steps = 90d
FROM removed_data d JOIN runs_data r ON r.n = d.run WHERE d.n_rows > 0;

CREATE VIEW removed_runs AS
-- Runs that are gone as a whole: by retention, or because somebody asked for it.
SELECT
	id, name, project, user, state, step, started, last_seen,
	removed, -- when
	why, -- the setting that asked for it, as runs = 365d, or who did
	uid, private
FROM removed_runs_data;

DROP VIEW events;

CREATE VIEW events AS
-- What happened: to a run, or (run NULL) to the database.
SELECT r.id AS run, e.attempt, e.step, e.time, e.kind, e.text
FROM events_data e LEFT JOIN runs_data r ON r.n = e.run
WHERE e.run IS NULL OR r.n IS NOT NULL;
