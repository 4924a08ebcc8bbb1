-- Version 6: what the steps of a sparsity window come to, by which runs are compared, and how often each feature fired in the last
-- one. Of windows that were closed before there is
-- no row: nothing is added up while a database is brought up to date.

CREATE TABLE window_means_data (
	run INTEGER NOT NULL, attempt INTEGER NOT NULL, window INTEGER NOT NULL,
	n_steps INTEGER NOT NULL, n_tokens_folded INTEGER,
	mse_loss REAL, l1_loss REAL, ghost_grad_loss REAL, overall_loss REAL,
	aux_reconstruction_loss REAL, explained_variance REAL, explained_variance_std REAL,
	explained_variance_legacy REAL, explained_variance_legacy_std REAL, l0 REAL, fvu REAL,
	dead_features REAL, mean_passes_since_fired REAL, mean_tokens_since_fired REAL,
	current_learning_rate REAL, l1_coefficient REAL,
	ev_mean REAL, l2_per_row REAL, tv_per_row REAL, mse_num_per_row REAL, mse_den_per_row REAL,
	mse_ratio REAL, lp_per_row REAL, weighted_lp_per_row REAL, aux_per_row REAL,
	not_finite TEXT, extra TEXT,
	PRIMARY KEY (run, attempt, window)
) STRICT, WITHOUT ROWID;

CREATE VIEW window_means AS
-- The metrics of a sparsity window: of each the mean over the window's steps, by which runs are compared. A mean is over the
-- steps that have the metric, as a finite number; NULL: none has.
SELECT
	r.id AS run, m.attempt, m.window, w.step_first, w.step_last,
	w.flaws = 0 AS complete, -- as in windows
	m.n_steps, -- rows of `steps` that were averaged: of each step the one that stood when the window closed
	m.n_tokens_folded, -- rows seen by the end of its last step
	m.mse_loss, m.l1_loss, m.ghost_grad_loss, m.overall_loss, m.aux_reconstruction_loss,
	m.explained_variance, m.explained_variance_std, m.explained_variance_legacy,
	m.explained_variance_legacy_std, m.l0, m.fvu, m.dead_features, m.mean_passes_since_fired,
	m.mean_tokens_since_fired, m.current_learning_rate, m.l1_coefficient,
	-- what other trainers' definitions are computed of, each the mean over steps of …
	m.ev_mean, -- the mean over rows of 1 - l2/tv
	m.l2_per_row, m.tv_per_row, -- l2_sum / n_rows, tv_sum / n_rows
	m.mse_num_per_row, m.mse_den_per_row, -- mse_num / n_rows, mse_den / n_rows
	m.mse_ratio, -- mse_num / mse_den
	m.lp_per_row, m.weighted_lp_per_row, -- lp_sum / n_rows, l1_coefficient * lp_sum / n_rows
	m.aux_per_row, -- aux_sum / n_rows
	m.not_finite, -- JSON object, name → how many steps had it as NaN or infinity; NULL: none
	m.extra -- JSON object: the means of numbers without a column
FROM window_means_data m JOIN windows_data w USING (run, attempt, window)
	JOIN runs_data r ON r.n = m.run;

-- In parts of 4,096 features. The blobs are arrays of little-endian numbers.
CREATE TABLE features_data (
	run INTEGER NOT NULL, part INTEGER NOT NULL,
	attempt INTEGER NOT NULL, window INTEGER NOT NULL, flaws INTEGER NOT NULL,
	step_last INTEGER NOT NULL, n_tokens INTEGER NOT NULL, n_features INTEGER NOT NULL,
	counts BLOB NOT NULL, last_fired BLOB NOT NULL, totals BLOB NOT NULL,
	PRIMARY KEY (run, part)
) STRICT, WITHOUT ROWID;

CREATE VIEW feature_counts AS
-- How often each feature fired in the last complete window of a run: a row for every 4,096 features, in the order of `part`, whose
-- blobs in a row are arrays of little-endian integers, one a feature.
SELECT
	r.id AS run, f.part,
	f.part * 4096 AS feature_first, f.n_features, -- the features of this row
	f.attempt, f.window, f.flaws = 0 AS complete, -- of which window: 0 only while none is complete, in this attempt
	f.step_last, f.n_tokens, -- its last step; rows of it: counts / n_tokens are the densities
	f.counts, -- 32 bits each, unsigned: rows of the window on which the feature fired
	f.last_fired, -- 32 bits each, signed: the last step it fired at; where totals are 0 it never did
	f.totals -- 64 bits each, unsigned: rows of the run, by the window's end
FROM features_data f JOIN runs_data r ON r.n = f.run;
