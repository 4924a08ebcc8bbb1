-- Version 5: about what a run's rows occupy, added up as they are written, for its user's limit on disk. It is less than
-- exact: nothing is ever scanned for it.

ALTER TABLE runs_data ADD COLUMN rows_bytes INTEGER NOT NULL DEFAULT 0;
-- What was written before: a step and a tenth of a line each.
UPDATE runs_data SET rows_bytes = 300 * messages;
