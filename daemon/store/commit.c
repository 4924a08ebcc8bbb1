#include "commit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commit_private.h"

void committer_init(struct committer *c, struct db *db, const struct slots *slots) {
	*c = (struct committer){.db = db, .slots = slots};
}

void committer_finish(struct committer *c) {
	known_finish(&c->known);
}

const char *commit_why(const struct committer *c, const char *run_id) {
	const struct known_run *run = known_find(&c->known, run_id);
	return run == NULL ? NULL : run->why;
}

/* ---- a batch by runs, and back ---- */

static void run_take_cut(struct committer *c, struct known_run *run, struct run_cut *cut) {
	if (run->cuts == NULL) {
		run->next = run->now;
		run->next_touched = c->touched;
		c->touched = run;
	}
	cut->next = NULL;
	*run->tail = cut;
	run->tail = &cut->next;
}

static int gather(struct committer *c, struct batch *batch) {
	while (batch->first != NULL) {
		struct run_cut *cut = batch->first;
		struct known_run *run;
		int err = known_get(&c->known, c->db, cut, &run);
		if (err < 0) {
			return err;
		}
		batch->first = cut->next;
		run_take_cut(c, run, cut);
	}
	batch->tail = &batch->first;
	return 0;
}

/* The run's cuts in front of a list. */
static void give_back(struct known_run *run, struct run_cut **list) {
	*run->tail = *list;
	*list = run->cuts;
	run->cuts = NULL;
	run->tail = &run->cuts;
}

static void find_tail(struct batch *batch) {
	batch->tail = &batch->first;
	while (*batch->tail != NULL) {
		batch->tail = &(*batch->tail)->next;
	}
}

static void forget_marks(struct committer *c, const struct known_run *run) {
	for (int64_t n = run->now.mark_first; n < run->next.mark_first; n++) {
		slots_remove_mark(c->slots, run->id, n);
	}
}

static void tell_forward(const struct known_run *run) {
	for (struct run_cut *cut = run->cuts; cut != NULL; cut = cut->next) {
		cut->forward_lines = run->now.forwards ? run->now.forward_lines : -1;
	}
}

void commit_forget_news(struct known_run *run) {
	for (struct run_cut *cut = run->cuts; cut != NULL; cut = cut->next) {
		front_news_destroy(cut->front_news);
		cut->front_news = NULL;
	}
}

/* What was planned becomes what is, or never was; the cuts go back where they belong. */
static void settle(struct committer *c, struct batch *batch, bool committed) {
	while (c->touched != NULL) {
		struct known_run *run = c->touched;
		c->touched = run->next_touched;
		if (committed) {
			forget_marks(c, run);
			run->now = run->next;
			tell_forward(run);
		} else if (!run->now.rejected) {
			free(run->why);
			run->why = NULL;
			commit_forget_news(run);
		}
		give_back(run, run->now.rejected ? &batch->rejected : &batch->first);
	}
	find_tail(batch);
}

/* ---- slots ---- */

/* Users are shown it, who may not see every run: it names none. */
int commit_slot_failed(struct committer *c, int err) {
	snprintf(c->words, sizeof c->words, "%s-state: the state of a run cannot be written: %s",
		c->db->path, strerror(-err));
	return err == -ENOSPC || err == -EDQUOT || err == -EFBIG ? -ENOSPC : -EAGAIN;
}

static int write_hot(struct committer *c, struct known_run *run, const struct run_cut *cut) {
	struct slot_arrays arrays = {
		.parts = {{cut->window, cut->d_sae * sizeof *cut->window},
			{cut->last, cut->d_sae * sizeof *cut->last}},
		.count = 2,
	};
	return slots_write(
		c->slots, run->id, SLOT_HOT, &run->now.hot, cut->d_sae, &arrays, &run->next.hot);
}

static int write_base(struct committer *c, struct known_run *run, const struct run_cut *cut) {
	struct slot_arrays arrays = {
		.parts = {{cut->base, cut->d_sae * sizeof *cut->base}},
		.count = 1,
	};
	return slots_write(
		c->slots, run->id, SLOT_BASE, &run->now.base, cut->d_sae, &arrays, &run->next.base);
}

/* Of several cuts of a run the last arrays count: one slot is free to be written. */
static int write_slots(struct committer *c, struct known_run *run) {
	const struct run_cut *hot = NULL, *base = NULL;
	for (const struct run_cut *cut = run->cuts; cut != NULL; cut = cut->next) {
		hot = cut->d_sae > 0 && cut->arrays_changed ? cut : hot;
		base = cut->d_sae > 0 && cut->base_changed ? cut : base;
	}
	int err = hot == NULL ? 0 : write_hot(c, run, hot);
	if (err == 0 && base != NULL) {
		err = write_base(c, run, base);
	}
	return err < 0 ? commit_slot_failed(c, err) : 0;
}

static int write_all_slots(struct committer *c) {
	int err = 0;
	for (struct known_run *run = c->touched; err == 0 && run != NULL; run = run->next_touched) {
		if (!run->now.rejected) {
			err = write_slots(c, run);
		}
	}
	return err;
}

/* ---- the transaction ---- */

static int transact(struct committer *c) {
	int err = db_begin(c->db);
	for (struct known_run *run = c->touched; err == 0 && run != NULL; run = run->next_touched) {
		if (!run->now.rejected) {
			err = commit_run(c, run);
		}
	}
	if (err == 0) {
		err = db_commit(c->db);
	}
	if (err < 0 && c->words[0] == '\0') {
		snprintf(c->words, sizeof c->words, "%s: %s", c->db->path,
			err == -ESTALE ? "another file is in its place, or another daemon has it"
				       : sqlite3_errmsg(c->db->sql));
	}
	if (err < 0) {
		db_rollback(c->db);
	}
	return err;
}

int commit_batch(struct committer *c, struct batch *batch) {
	c->words[0] = '\0';
	int err = gather(c, batch);
	if (err == 0) {
		err = write_all_slots(c);
	}
	if (err == 0) {
		err = transact(c);
	}
	settle(c, batch, err == 0);
	return err;
}
