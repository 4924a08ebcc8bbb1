-- Version 7: what people change of a run by asking for it.

-- Who it was: from then on the trainer's name, or tags, do not change what stands.
ALTER TABLE runs_data ADD COLUMN name_by TEXT;
ALTER TABLE runs_about ADD COLUMN tags_by TEXT;

DROP VIEW runs;

CREATE VIEW runs AS
-- Every training run, one row each. Times are seconds since 1970: datetime(started, 'unixepoch').
SELECT
	r.id, r.name, r.project, r.entity, r.group_name, r.job_type,
	r.user, -- who ran the trainer
	r.state, -- running, stalled, finished, failed, crashed, preempted or stopped
	r.exit_code, -- of the trainer, once it has ended
	r.profile, -- whose keys and order of events: prisma, saelens, saelens-legacy or native
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
	r.log_to_wandb,
	r.end_words, -- why it ended so: the exception that ended the trainer, or the signal; NULL: nobody said
	r.name_by, -- who gave it its name here: the trainer's does not change it any more; NULL: the trainer
	a.tags_by -- the same of the tags
FROM runs_data r LEFT JOIN runs_about a ON a.run = r.n;

-- A row a kind of alert: the newest word on it.
CREATE TABLE acknowledged_data (
	run INTEGER NOT NULL, n INTEGER NOT NULL, kind TEXT NOT NULL, words TEXT NOT NULL,
	attempt INTEGER NOT NULL, who TEXT NOT NULL, time REAL NOT NULL,
	PRIMARY KEY (run, n)
) STRICT, WITHOUT ROWID;

CREATE VIEW acknowledged AS
-- Alerts that somebody knows of: `status --check` passes over them until one of that kind begins anew.
SELECT
	r.id AS run, k.kind,
	k.words, -- of the alert as it was then
	k.attempt, -- the newest of the run, then
	k.who, -- who acknowledged it, by the user's name
	k.time
FROM acknowledged_data k JOIN runs_data r ON r.n = k.run;
