-- Version 11: dead by a number of tokens.

-- NULL: not known; of windows that were closed before it never is.
ALTER TABLE windows_data ADD COLUMN dead_10m_tokens INTEGER;

DROP VIEW windows;

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
	w.density_counts,
	-- silent for 10,000,000 tokens or more after the window's last step; NULL: not known (begun without what was before)
	w.dead_10m_tokens
FROM windows_data w JOIN runs_data r ON r.n = w.run;
