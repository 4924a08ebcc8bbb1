-- Version 10: what a trainer calls its run, kept beside what a person calls it.

-- NULL while the trainer's own stands.
ALTER TABLE runs_data ADD COLUMN name_given TEXT;
ALTER TABLE runs_about ADD COLUMN tags_given TEXT;
