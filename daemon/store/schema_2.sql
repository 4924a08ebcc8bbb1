-- Version 2: what is on its way to Weights & Biases.

CREATE TABLE forwards_data (
	run INTEGER PRIMARY KEY,
	-- decided, in the transaction that closes a line: ordinals 0 … lines - 1, and the newest of them
	lines INTEGER NOT NULL DEFAULT 0, step INTEGER, time REAL, elapsed_s REAL, summary TEXT,
	-- where forwarding stands. A line's number at W&B is base + its ordinal; the base holds for one db_id
	base INTEGER, base_db BLOB,
	accepted INTEGER NOT NULL DEFAULT 0, accepted_step INTEGER, accepted_time REAL,
	skipped INTEGER NOT NULL DEFAULT 0, refused INTEGER NOT NULL DEFAULT 0,
	floor INTEGER NOT NULL DEFAULT -1, -- steps through it are W&B's from before the base
	completed INTEGER NOT NULL DEFAULT 0,
	own_key INTEGER NOT NULL DEFAULT 0, -- 1: sent with a key of its user's, and with no other
	told INTEGER NOT NULL DEFAULT 0, -- a hash of the name and other words W&B was told of the run; 0: none
	storage_id TEXT, entity TEXT, project TEXT, display_name TEXT, url TEXT, parked TEXT
) STRICT;

-- Rendered once, kept until W&B has them.
CREATE TABLE forward_lines_data (
	run INTEGER NOT NULL, line INTEGER NOT NULL, step INTEGER NOT NULL,
	time REAL NOT NULL, elapsed_s REAL NOT NULL, json TEXT NOT NULL,
	PRIMARY KEY (run, line)
) STRICT, WITHOUT ROWID;

CREATE TABLE refused_lines_data (
	run INTEGER NOT NULL, line INTEGER NOT NULL, step INTEGER NOT NULL,
	refused REAL NOT NULL, status INTEGER, words TEXT, json TEXT NOT NULL,
	PRIMARY KEY (run, line)
) STRICT, WITHOUT ROWID;

CREATE VIEW forwards AS
-- Runs that are forwarded to W&B, and how far.
SELECT
	r.id AS run,
	f.lines, -- decided: one a step that logged something, steps strictly increasing
	f.accepted, -- of these, W&B has the first so many
	f.lines - f.accepted AS pending,
	f.skipped, -- accepted, because W&B had their steps already from another database
	f.refused, -- W&B did not take them: see refused_lines
	f.base, -- the number at W&B of line 0; NULL: W&B was not asked yet
	f.completed, -- 1: W&B knows that the run has ended
	f.parked, -- why nothing is sent until `sae-metricsd sync` says so; NULL: it goes on
	f.url, f.entity, f.project, f.display_name
FROM forwards_data f JOIN runs_data r ON r.n = f.run;

CREATE VIEW forward_lines AS
-- Lines that W&B does not have yet, as they will be sent.
SELECT r.id AS run, l.line, l.step, l.time, l.json
FROM forward_lines_data l JOIN runs_data r ON r.n = l.run;

CREATE VIEW refused_lines AS
-- Lines that W&B did not take, what it said, and when; one with the reserved keys alone is in their place.
SELECT r.id AS run, l.line, l.step, l.refused, l.status, l.words, l.json
FROM refused_lines_data l JOIN runs_data r ON r.n = l.run;
