-- Version 1 of the database. Read SCHEMA.md, or ask sqlite3 for `.schema runs`, `.schema steps`, …:
-- the views carry their own description. Tables named *_data are how the views are kept; their
-- layout changes with `user_version`, the views' columns do not.

CREATE TABLE meta (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	db_id BLOB NOT NULL CHECK (length(db_id) = 16), -- which database this is: new when one is begun
	epoch INTEGER NOT NULL, -- grows with each start of the daemon; every transaction checks it
	created REAL NOT NULL,
	daemon_version TEXT NOT NULL -- the last that opened it
) STRICT;

-- What changes with every commit …
CREATE TABLE runs_data (
	n INTEGER PRIMARY KEY,
	id TEXT NOT NULL UNIQUE,
	name TEXT, project TEXT, entity TEXT, group_name TEXT, job_type TEXT,
	user TEXT, uid INTEGER, pid INTEGER, host TEXT, program TEXT,
	git_commit TEXT, git_remote TEXT, sweep_id TEXT, source TEXT,
	profile TEXT, architecture TEXT, key_suffix TEXT, launch TEXT,
	state TEXT NOT NULL DEFAULT 'running', exit_code INTEGER, waiting_for TEXT,
	private INTEGER NOT NULL DEFAULT 0, log_to_wandb INTEGER NOT NULL DEFAULT 0,
	attempt INTEGER NOT NULL DEFAULT 0, resumed INTEGER NOT NULL DEFAULT 0, world_size INTEGER,
	d_sae INTEGER, d_in INTEGER, wandb_log_frequency INTEGER, feature_sampling_window INTEGER,
	dead_feature_window INTEGER, train_batch_size INTEGER, context_size INTEGER, thresholds TEXT,
	step INTEGER, n_training_tokens INTEGER, n_tokens_folded INTEGER, n_training_images INTEGER,
	total_training_tokens INTEGER, total_training_steps INTEGER,
	started REAL, last_seen REAL, ended REAL,
	messages INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0,
	late INTEGER NOT NULL DEFAULT 0, refused INTEGER NOT NULL DEFAULT 0,
	lost INTEGER NOT NULL DEFAULT 0, missing INTEGER NOT NULL DEFAULT 0
) STRICT;

-- … and the long texts, which seldom do.
CREATE TABLE runs_about (
	run INTEGER PRIMARY KEY,
	tags TEXT, notes TEXT, config TEXT, summary TEXT, args TEXT
) STRICT;

CREATE TABLE attempts_data (
	run INTEGER NOT NULL, attempt INTEGER NOT NULL,
	launch TEXT, lap INTEGER NOT NULL, step_first INTEGER, time REAL, restored_from TEXT,
	PRIMARY KEY (run, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE streams_data (
	run INTEGER NOT NULL, stream BLOB NOT NULL,
	launch TEXT, rank INTEGER, pid INTEGER, applied INTEGER NOT NULL,
	dropped INTEGER NOT NULL, late INTEGER NOT NULL, refused INTEGER NOT NULL,
	lost INTEGER NOT NULL, finished INTEGER NOT NULL,
	PRIMARY KEY (run, stream)
) STRICT, WITHOUT ROWID;

-- The core's state: the part that does not grow with d_sae, and which of the two files of
-- `<database>-state/` holds the arrays. A file is believed when its checksum is this one.
CREATE TABLE run_state (
	run INTEGER PRIMARY KEY,
	small BLOB NOT NULL, d_sae INTEGER NOT NULL,
	hot_slot INTEGER NOT NULL, hot_generation INTEGER NOT NULL, hot_checksum INTEGER NOT NULL,
	base_slot INTEGER NOT NULL, base_generation INTEGER NOT NULL, base_checksum INTEGER NOT NULL
) STRICT;

-- Bit numbers of steps_data.computed.
CREATE TABLE metric_bits (bit INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
INSERT INTO metric_bits VALUES
	(1 << 0, 'mse_loss'), (1 << 1, 'l1_loss'), (1 << 2, 'ghost_grad_loss'),
	(1 << 3, 'overall_loss'), (1 << 4, 'aux_reconstruction_loss'), (1 << 5, 'explained_variance'),
	(1 << 6, 'explained_variance_std'), (1 << 7, 'explained_variance_legacy'),
	(1 << 8, 'explained_variance_legacy_std'), (1 << 9, 'l0'), (1 << 10, 'fvu'),
	(1 << 11, 'dead_features'), (1 << 12, 'mean_passes_since_fired'),
	(1 << 13, 'mean_tokens_since_fired'), (1 << 14, 'current_learning_rate'),
	(1 << 15, 'l1_coefficient'), (1 << 16, 'n_training_tokens'),
	(1 << 17, 'n_training_images'), (1 << 18, 'n_tokens_folded');

-- The step before the metric: the other way round inserts are many times slower.
CREATE TABLE steps_data (
	run INTEGER NOT NULL, step INTEGER NOT NULL, attempt INTEGER NOT NULL, lap INTEGER NOT NULL,
	time REAL, elapsed_s REAL, n_rows INTEGER NOT NULL, ranks_missing INTEGER NOT NULL,
	mse_loss REAL, l1_loss REAL, ghost_grad_loss REAL, overall_loss REAL,
	aux_reconstruction_loss REAL, explained_variance REAL, explained_variance_std REAL,
	explained_variance_legacy REAL, explained_variance_legacy_std REAL, l0 REAL, fvu REAL,
	dead_features INTEGER, mean_passes_since_fired REAL, mean_tokens_since_fired REAL,
	current_learning_rate REAL, l1_coefficient REAL,
	n_training_tokens INTEGER, n_training_images INTEGER, n_tokens_folded INTEGER,
	ev_count REAL, ev_mean REAL, ev_m2 REAL, l2_sum REAL, tv_sum REAL, mse_num REAL, mse_den REAL,
	lp_sum REAL, aux_sum REAL, n_nan_acts REAL,
	computed INTEGER NOT NULL, extra TEXT, non_finite TEXT,
	PRIMARY KEY (run, step, attempt)
) STRICT, WITHOUT ROWID;

-- Lines below 0: a value for a step whose line was closed already.
CREATE TABLE lines_data (
	run INTEGER NOT NULL, line INTEGER NOT NULL, attempt INTEGER NOT NULL, step INTEGER NOT NULL,
	time REAL, elapsed_s REAL,
	PRIMARY KEY (run, line)
) STRICT, WITHOUT ROWID;

CREATE TABLE keys_data (n INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE history_data (
	run INTEGER NOT NULL, step INTEGER NOT NULL, attempt INTEGER NOT NULL, line INTEGER NOT NULL,
	key INTEGER NOT NULL, source INTEGER NOT NULL, kind INTEGER NOT NULL, value ANY, text TEXT,
	PRIMARY KEY (run, step, attempt, line, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE histograms_data (
	run INTEGER NOT NULL, step INTEGER NOT NULL, attempt INTEGER NOT NULL, line INTEGER NOT NULL,
	key INTEGER NOT NULL, source INTEGER NOT NULL, bins TEXT NOT NULL, "values" TEXT NOT NULL,
	PRIMARY KEY (run, step, attempt, line, key)
) STRICT, WITHOUT ROWID;

-- Bits of windows_data.flaws, and of runs' words for them.
CREATE TABLE flaw_bits (bit INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
INSERT INTO flaw_bits VALUES
	(1 << 0, 'steps missing'), (1 << 1, 'ranks missing'), (1 << 2, 'late'),
	(1 << 3, 'counts missing'), (1 << 4, 'refused'), (1 << 5, 'resumed'), (1 << 6, 'partial');

CREATE TABLE windows_data (
	run INTEGER NOT NULL, attempt INTEGER NOT NULL, window INTEGER NOT NULL,
	step_first INTEGER NOT NULL, step_last INTEGER NOT NULL, step_close INTEGER NOT NULL,
	time REAL, n_steps INTEGER NOT NULL, n_steps_expected INTEGER NOT NULL,
	flaws INTEGER NOT NULL, n_tokens INTEGER NOT NULL, d_sae INTEGER NOT NULL,
	dead_features INTEGER NOT NULL, revived INTEGER NOT NULL, newly_dead INTEGER NOT NULL,
	mean_log10_feature_sparsity REAL, below_1e_5 INTEGER NOT NULL, below_1e_6 INTEGER NOT NULL,
	never_fired INTEGER NOT NULL, above_1e_2 INTEGER NOT NULL, above_1e_1 INTEGER NOT NULL,
	thresholds TEXT NOT NULL, n_quantile_features INTEGER NOT NULL,
	p10 REAL, p25 REAL, p50 REAL, p75 REAL, p90 REAL,
	wandb_bins TEXT, wandb_values TEXT, density_counts TEXT NOT NULL,
	PRIMARY KEY (run, attempt, window)
) STRICT, WITHOUT ROWID;

CREATE TABLE events_data (
	n INTEGER PRIMARY KEY,
	run INTEGER, attempt INTEGER, step INTEGER, time REAL NOT NULL, kind TEXT NOT NULL, text TEXT
) STRICT;
CREATE INDEX events_by_run ON events_data (run);

-- Restore points. The last ones of a run keep their state in `<database>-state/RUN.mark.N`.
CREATE TABLE marks_data (
	run INTEGER NOT NULL, n INTEGER NOT NULL, attempt INTEGER NOT NULL, step INTEGER NOT NULL,
	time REAL, text TEXT, size INTEGER NOT NULL, checksum INTEGER NOT NULL,
	kept INTEGER NOT NULL,
	PRIMARY KEY (run, n)
) STRICT, WITHOUT ROWID;

CREATE VIEW runs AS
-- Every training run, one row each. Times are seconds since 1970: datetime(started, 'unixepoch').
SELECT
	r.id, r.name, r.project, r.entity, r.group_name, r.job_type,
	r.user, -- who ran the trainer
	r.state, -- running, stalled, finished, failed, crashed, preempted or stopped
	r.exit_code, -- of the trainer, once it has ended
	r.profile, -- whose keys and order of events: prisma, saelens or native
	r.architecture, r.d_sae, r.d_in,
	r.step, -- the last step folded in; steps count from 0
	r.n_training_tokens, -- as the profile counts them
	r.n_tokens_folded, -- rows really seen
	r.n_training_images, r.total_training_tokens, r.total_training_steps,
	r.started, r.last_seen, r.ended,
	a.config, -- JSON object, as the trainer gave it
	a.summary, -- JSON object
	a.tags, -- JSON list
	a.notes,
	a.args, -- JSON list
	r.messages, -- what the trainer sent, in all streams together; of these:
	r.dropped, -- had no room in the trainer's outbox
	r.late, -- came for a step that had been folded without that rank
	r.refused, -- could not be used
	r.lost, -- were acknowledged by a database that is gone
	r.missing, -- steps folded without all ranks
	r.attempt, -- the newest; it grows when a run goes back
	r.resumed, -- 1: began without the state of what was before
	r.world_size, r.waiting_for, r.launch, r.host, r.pid, r.uid, r.program,
	r.git_commit, r.git_remote, r.sweep_id, r.source, r.key_suffix,
	r.wandb_log_frequency, r.feature_sampling_window, r.dead_feature_window,
	r.train_batch_size, r.context_size,
	r.thresholds, -- JSON list: further densities to count features below
	r.private, -- 1: `status` shows it to its own user only
	r.log_to_wandb
FROM runs_data r LEFT JOIN runs_about a ON a.run = r.n;

CREATE VIEW attempts AS
-- A run that is started again, or goes back to an earlier step, begins a new attempt; rows of the
-- older ones stay beside the new.
SELECT
	r.id AS run, a.attempt,
	a.launch, -- one start of the training job
	a.lap, -- how often that launch had gone back
	a.step_first, a.time,
	a.restored_from -- start, continued, state (the trainer handed it over), mark, or none
FROM attempts_data a JOIN runs_data r ON r.n = a.run;

CREATE VIEW streams AS
-- What one rank of one process sent for one run.
SELECT
	r.id AS run, lower(hex(s.stream)) AS stream, s.launch, s.rank, s.pid,
	s.applied, -- messages 1 … applied have taken effect
	s.dropped, s.late, s.refused, s.lost, -- how some of them ended
	s.finished
FROM streams_data s JOIN runs_data r ON r.n = s.run;

CREATE VIEW history AS
-- What the reference trainer would have logged, a row per key; histograms are in `histograms`.
SELECT
	r.id AS run, h.attempt,
	CASE WHEN h.line >= 0 THEN h.line END AS line, -- NULL: logged after that step's line was closed
	h.step, k.key,
	h.value, -- INTEGER or REAL; NULL unless kind is num
	CASE h.kind WHEN 0 THEN 'num' WHEN 1 THEN 'nan' WHEN 2 THEN 'inf' WHEN 3 THEN '-inf'
		ELSE 'text' END AS kind,
	h.text,
	-- the trainer's row of metrics, its row of sparsity, ours beside them, or a LOG of the trainer
	CASE h.source WHEN 0 THEN 'metrics' WHEN 1 THEN 'sparsity' WHEN 2 THEN 'ours'
		ELSE 'log' END AS source
FROM history_data h JOIN runs_data r ON r.n = h.run JOIN keys_data k ON k.n = h.key;

CREATE VIEW histograms AS
-- Histograms logged: edges in "bins" (one more than values), counts in "values", JSON lists both.
SELECT
	r.id AS run, h.attempt, CASE WHEN h.line >= 0 THEN h.line END AS line, h.step, k.key,
	h.bins, h."values",
	CASE h.source WHEN 0 THEN 'metrics' WHEN 1 THEN 'sparsity' WHEN 2 THEN 'ours'
		ELSE 'log' END AS source
FROM histograms_data h JOIN runs_data r ON r.n = h.run JOIN keys_data k ON k.n = h.key;

CREATE VIEW lines AS
-- When each line of `history` was logged.
SELECT
	r.id AS run, CASE WHEN l.line >= 0 THEN l.line END AS line, l.attempt, l.step,
	l.time, -- the trainer's clock, seconds since 1970
	l.elapsed_s -- how long the run had been trained for, in all its processes
FROM lines_data l JOIN runs_data r ON r.n = l.run;

CREATE VIEW steps AS
-- Every step, whether it was logged or not: the full-resolution curves.
SELECT
	r.id AS run, s.attempt, s.step, s.lap,
	s.time, -- the trainer's clock, seconds since 1970
	s.elapsed_s, -- how long the run had been trained for, in all its processes
	s.n_rows, -- rows (tokens) of the batch, all ranks together
	s.ranks_missing,
	s.mse_loss, s.l1_loss, s.ghost_grad_loss, s.overall_loss, s.aux_reconstruction_loss,
	s.explained_variance, -- the profile's own definition
	s.explained_variance_std, s.explained_variance_legacy, s.explained_variance_legacy_std,
	s.l0,
	s.fvu, -- fraction of variance unexplained, l2_sum / tv_sum: the same in every profile
	s.dead_features, s.mean_passes_since_fired, s.mean_tokens_since_fired,
	s.current_learning_rate, s.l1_coefficient,
	s.n_training_tokens, s.n_training_images, s.n_tokens_folded,
	-- the sums the trainer pushed, from which what it did not give was computed
	s.ev_count, s.ev_mean, s.ev_m2, s.l2_sum, s.tv_sum, s.mse_num, s.mse_den, s.lp_sum, s.aux_sum,
	s.n_nan_acts,
	-- JSON list of the columns above that were computed here and not given by the trainer
	(SELECT json_group_array(b.name) FROM metric_bits b WHERE s.computed & b.bit) AS computed,
	s.extra, -- JSON object: numbers of the trainer that have no column
	s.non_finite -- JSON object: columns that are NULL for being "NaN", "Infinity" or "-Infinity"
FROM steps_data s JOIN runs_data r ON r.n = s.run;

CREATE VIEW windows AS
-- Every sparsity window: on which share of its tokens each feature fired (its density).
SELECT
	r.id AS run, w.attempt, w.window,
	w.step_first, w.step_last, -- steps folded into it
	w.step_close, -- the step whose row it is
	w.time, w.n_steps, w.n_steps_expected,
	w.flaws = 0 AS complete,
	-- JSON list, why it is not: steps missing, ranks missing, late, counts missing, refused,
	-- resumed (begun without what was before), partial (the run ended inside it)
	(SELECT json_group_array(b.name) FROM flaw_bits b WHERE w.flaws & b.bit) AS flaws,
	w.n_tokens, w.d_sae,
	w.dead_features, -- silent for more than dead_feature_window steps after the window's last step
	w.revived, w.newly_dead,
	w.mean_log10_feature_sparsity,
	w.below_1e_5 AS "below_1e-5", w.below_1e_6 AS "below_1e-6", -- features of lower density
	w.never_fired, -- in this window
	w.above_1e_2 AS "above_1e-2", w.above_1e_1 AS "above_1e-1", -- dense features
	w.thresholds, -- JSON list of {"density", "below"}: those the run asked for
	-- log10(density) of the features that fired at all in the window: so many, and quantiles
	w.n_quantile_features, w.p10, w.p25, w.p50, w.p75, w.p90,
	-- the histogram the reference logs: edges and counts, JSON lists
	w.wandb_bins, w.wandb_values,
	-- ours, the same in every window: JSON list of 200 counts, 20 bins a decade of log10(density)
	-- over [-10, 0]; features that never fired are apart
	w.density_counts
FROM windows_data w JOIN runs_data r ON r.n = w.run;

CREATE VIEW events AS
-- What happened: to a run, or (run NULL) to the database.
SELECT r.id AS run, e.attempt, e.step, e.time, e.kind, e.text
FROM events_data e LEFT JOIN runs_data r ON r.n = e.run;

CREATE VIEW marks AS
-- Checkpoints the trainer wrote.
SELECT
	r.id AS run, m.attempt, m.step, m.time, m.text,
	m.kept AS restorable -- 1: the run's state of that moment is kept
FROM marks_data m JOIN runs_data r ON r.n = m.run;
