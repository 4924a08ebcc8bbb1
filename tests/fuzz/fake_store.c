#include "fake_store.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "extract.h"
#include "fuzz.h"
#include "le.h"
#include "list.h"
#include "report.h"
#include "saved.h"
#include "state.h"

/* ---- the disk ---- */

struct kept_run {
	struct list link; /* disk_runs */
	char id[RUN_ID_MAX + 1];
	struct run_saved saved;
	uint8_t *small;
	bool open;
};

struct kept_mark {
	struct list link; /* disk_marks */
	char run_id[RUN_ID_MAX + 1];
	uint32_t attempt, step;
	uint8_t *state;
	size_t len;
};

struct kept_stream {
	struct list link; /* disk_streams */
	uint8_t id[STREAM_ID_SIZE];
	uint64_t applied;
};

static struct list disk_runs = {&disk_runs, &disk_runs}, disk_marks = {&disk_marks, &disk_marks},
		   disk_streams = {&disk_streams, &disk_streams};

static void *zeroed(size_t size) {
	void *memory = calloc(1, size);
	HOLDS(memory != NULL);
	return memory;
}

/* NULL stays NULL. */
static void *copy_of(const void *data, size_t size) {
	if (data == NULL) {
		return NULL;
	}
	void *copy = zeroed(size + (size == 0));
	if (size > 0) {
		memcpy(copy, data, size);
	}
	return copy;
}

static void saved_finish(struct run_saved *saved) {
	free(saved->window);
	free(saved->last);
	free(saved->base);
}

void fake_store_wipe(void) {
	for (struct list *link; (link = list_take_first(&disk_runs)) != NULL;) {
		struct kept_run *run = container_of(link, struct kept_run, link);
		saved_finish(&run->saved);
		free(run->small);
		free(run);
	}
	for (struct list *link; (link = list_take_first(&disk_marks)) != NULL;) {
		struct kept_mark *mark = container_of(link, struct kept_mark, link);
		free(mark->state);
		free(mark);
	}
	for (struct list *link; (link = list_take_first(&disk_streams)) != NULL;) {
		free(container_of(link, struct kept_stream, link));
	}
}

static struct kept_run *find_run(const char *id) {
	list_for_each(link, &disk_runs) {
		struct kept_run *run = container_of(link, struct kept_run, link);
		if (strcmp(run->id, id) == 0) {
			return run;
		}
	}
	return NULL;
}

static struct kept_stream *find_stream(const uint8_t id[STREAM_ID_SIZE]) {
	list_for_each(link, &disk_streams) {
		struct kept_stream *stream = container_of(link, struct kept_stream, link);
		if (memcmp(stream->id, id, STREAM_ID_SIZE) == 0) {
			return stream;
		}
	}
	return NULL;
}

uint64_t fake_store_applied(const uint8_t stream_id[STREAM_ID_SIZE]) {
	const struct kept_stream *stream = find_stream(stream_id);
	return stream != NULL ? stream->applied : 0;
}

/* The run as it would be loaded: arrays that were never written are those of a run that folded nothing. */
static struct run_saved saved_of(const struct kept_run *run) {
	struct run_saved saved = run->saved;
	size_t d_sae = saved.d_sae;

	saved.small = run->small;
	saved.window = copy_of(saved.window, d_sae * sizeof *saved.window);
	saved.last = copy_of(saved.last, d_sae * sizeof *saved.last);
	saved.base = copy_of(saved.base, d_sae * sizeof *saved.base);
	if (saved.window != NULL && saved.base == NULL) {
		saved.base = zeroed(d_sae * sizeof *saved.base);
	}
	return saved;
}

/* ---- committing ---- */

/* A cut, and the state its run had. */
struct entry {
	struct list link; /* store.filling, store.flushing */
	struct run_cut *cut;
	uint8_t *state;
	size_t state_len;
};

struct question {
	struct list link; /* store.questions */
	char *run_part;
	store_report_fn on_report;
	store_text_fn on_points; /* instead */
	void *user;
};

struct store {
	struct store_callbacks callbacks;
	void *user;
	struct list filling, flushing, questions;
	bool commit_wanted, in_trouble;
};

static void entry_destroy(struct entry *entry) {
	run_cut_destroy(entry->cut);
	free(entry->state);
	free(entry);
}

static void entries_clear(struct list *entries) {
	for (struct list *link; (link = list_take_first(entries)) != NULL;) {
		entry_destroy(container_of(link, struct entry, link));
	}
}

static void take_arrays(struct run_saved *saved, const struct run_cut *cut) {
	size_t d_sae = cut->d_sae;

	saved->d_sae = cut->d_sae;
	if (cut->arrays_changed) {
		free(saved->window);
		free(saved->last);
		saved->window = copy_of(cut->window, d_sae * sizeof *saved->window);
		saved->last = copy_of(cut->last, d_sae * sizeof *saved->last);
	}
	if (cut->base_changed) {
		free(saved->base);
		saved->base = copy_of(cut->base, d_sae * sizeof *saved->base);
	}
}

static bool is_open(const char *state) {
	return strcmp(state, "running") == 0 || strcmp(state, "stalled") == 0 ||
	       strcmp(state, "crashed") == 0;
}

static struct kept_run *take_run(const struct run_cut *cut) {
	struct kept_run *run = find_run(cut->run_id);

	if (run == NULL) {
		run = zeroed(sizeof *run);
		memcpy(run->id, cut->run_id, sizeof run->id);
		list_append(&disk_runs, &run->link);
	}
	HOLDS(run->small == NULL || run->saved.d_sae == cut->d_sae);
	free(run->small);
	run->small = copy_of(cut->small, cut->small_len);
	run->saved.small_len = cut->small_len;
	run->open = is_open(cut->row.state);
	take_arrays(&run->saved, cut);
	return run;
}

static void take_streams(const struct run_cut *cut) {
	for (uint32_t i = 0; i < cut->n_streams; i++) {
		struct kept_stream *stream = find_stream(cut->streams[i].id);
		if (stream == NULL) {
			stream = zeroed(sizeof *stream);
			memcpy(stream->id, cut->streams[i].id, sizeof stream->id);
			list_append(&disk_streams, &stream->link);
		}
		stream->applied = cut->streams[i].applied;
	}
}

static void take_marks(const struct run_cut *cut) {
	for (const struct change *c = cut->changes.first; c != NULL; c = c->next) {
		if (c->kind == CHANGE_MARK) {
			struct kept_mark *mark = zeroed(sizeof *mark);
			memcpy(mark->run_id, cut->run_id, sizeof mark->run_id);
			mark->attempt = c->mark.attempt;
			mark->step = c->mark.step;
			mark->len = c->mark.state_len;
			mark->state = copy_of(c->mark.state, mark->len);
			list_append(&disk_marks, &mark->link);
		}
	}
}

static bool same_bytes(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len) {
	return a_len == b_len && memcmp(a, b, a_len) == 0;
}

/* A daemon that reads it has the run that was cut. */
static void check_restored(const struct kept_run *kept, const struct entry *entry) {
	struct ledger ledger;
	ledger_init(&ledger, &ledger_no_limits);
	const struct registry_options options = {.ledger = &ledger};
	struct registry *registry = registry_create(&options);
	struct run_saved saved = saved_of(kept);
	struct packer packer = {0};
	struct run *run;
	uint8_t *state;
	size_t len;
	uint32_t step;

	HOLDS(registry_restore(registry, &saved, (struct instant){0}, &run) == 0);
	run_pack(run, &packer);
	HOLDS(!packer.failed);
	HOLDS(same_bytes(
		packer.buf.data, packer.buf.len, entry->cut->small, entry->cut->small_len));
	HOLDS(run_export(run, &state, &len, &step) == 0);
	HOLDS(same_bytes(state, len, entry->state, entry->state_len));
	free(state);
	buf_finish(&packer.buf);
	saved_finish(&saved);
	registry_destroy(registry);
	ledger_finish(&ledger);
}

static void commit_entry(const struct entry *entry) {
	const struct kept_run *run = take_run(entry->cut);
	take_streams(entry->cut);
	take_marks(entry->cut);
	check_restored(run, entry);
}

static void begin_commit(struct store *s) {
	if (!s->commit_wanted || !list_empty(&s->flushing)) {
		return;
	}
	s->commit_wanted = false;
	for (struct list *link; (link = list_take_first(&s->filling)) != NULL;) {
		list_append(&s->flushing, link);
	}
}

static void say_trouble(struct store *s, const char *words) {
	if (s->in_trouble != (words != NULL)) {
		s->in_trouble = words != NULL;
		s->callbacks.on_trouble(s->user, words);
	}
}

/* Takes the entries over, as the real store hands them back: each once, then they are gone. */
static void deliver(struct store *s, struct list *entries, int status) {
	struct run_cut *first = NULL, **tail = &first;

	list_for_each(link, entries) {
		*tail = container_of(link, struct entry, link)->cut;
		tail = &(*tail)->next;
		*tail = NULL;
	}
	if (first != NULL) {
		s->callbacks.on_committed(s->user, first, status);
	}
	entries_clear(entries);
}

static void reject_first(struct store *s, struct list *entries) {
	struct list *link = list_take_first(entries);
	struct entry *entry = container_of(link, struct entry, link);
	struct kept_run *run = find_run(entry->cut->run_id);

	if (run != NULL) {
		run->open = false;
	}
	s->callbacks.on_rejected(s->user, entry->cut, "two rows have the same key");
	entry_destroy(entry);
}

static void end_known(struct store *s, struct list *entries, bool rejects) {
	struct list rest;

	list_init(&rest);
	say_trouble(s, NULL);
	list_for_each(link, entries) {
		if (!rejects || link != entries->next) {
			commit_entry(container_of(link, struct entry, link));
		}
	}
	if (rejects) {
		reject_first(s, entries);
	}
	deliver(s, entries, 0);
}

static void end_unknown(struct store *s, struct list *entries, bool was_committed) {
	if (was_committed) {
		list_for_each(link, entries) {
			commit_entry(container_of(link, struct entry, link));
		}
	}
	say_trouble(s, "the disk does not answer");
	entries_clear(&s->filling);
	s->commit_wanted = false;
	deliver(s, entries, -EIO);
}

void fake_store_end_commit(struct store *s, enum commit_end end) {
	struct list entries;

	if (list_empty(&s->flushing)) {
		return;
	}
	if (end == COMMIT_FAILS) {
		say_trouble(s, "the disk is full");
		return;
	}
	list_init(&entries);
	for (struct list *link; (link = list_take_first(&s->flushing)) != NULL;) {
		list_append(&entries, link);
	}
	if (end == COMMIT_DONE || end == COMMIT_REJECTS) {
		end_known(s, &entries, end == COMMIT_REJECTS);
	} else {
		end_unknown(s, &entries, end == COMMIT_UNSEEN);
	}
	begin_commit(s);
}

/* ---- store.h ---- */

int store_open(uv_loop_t *loop, const struct store_options *options,
	const struct store_callbacks *callbacks, void *user, struct store **ret,
	char ret_words[256]) {
	struct store *s = zeroed(sizeof *s);
	(void)loop;
	(void)options;
	(void)ret_words;

	s->callbacks = *callbacks;
	s->user = user;
	list_init(&s->filling);
	list_init(&s->flushing);
	list_init(&s->questions);
	*ret = s;
	return 0;
}

static void answer(struct question *question, json_t *report, int status, const char *words) {
	if (question->on_points != NULL) {
		struct buf text = {0};
		HOLDS(buf_printf(&text, "{\"schema\":1,\"runs\":[]}") == 0);
		question->on_points(question->user, &text, status, words);
		buf_finish(&text);
	} else {
		question->on_report(question->user, report, status, words);
	}
	json_decref(report);
	free(question->run_part);
	free(question);
}

void store_close(struct store *s, void (*on_closed)(void *user), void *user) {
	entries_clear(&s->filling);
	entries_clear(&s->flushing);
	for (struct list *link; (link = list_take_first(&s->questions)) != NULL;) {
		answer(container_of(link, struct question, link), NULL, -ECANCELED, "");
	}
	free(s);
	on_closed(user);
}

const uint8_t *store_db_id(const struct store *s) {
	/* That of the golden frames. */
	static const uint8_t id[DB_ID_SIZE] = {0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
		0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff};
	(void)s;
	return id;
}

const char *store_opening_words(const struct store *s) {
	(void)s;
	return NULL;
}

const char *store_log_words(const struct store *s) {
	(void)s;
	return NULL;
}

bool store_is_full(const struct store *s) {
	(void)s;
	return false;
}

void store_watch_fronts(struct store *s, bool is_on, bool all_private) {
	(void)s;
	(void)is_on;
	(void)all_private;
}

void store_try_again(struct store *s) {
	(void)s;
}

double store_last_commit_s(const struct store *s) {
	(void)s;
	return 0;
}

double store_working_s(const struct store *s) {
	(void)s;
	return 0;
}

static size_t bytes_of(const struct list *entries) {
	size_t bytes = 0;
	list_for_each(link, entries) {
		bytes += container_of(link, struct entry, link)->cut->changes.bytes;
	}
	return bytes;
}

size_t store_held_bytes(const struct store *s) {
	return bytes_of(&s->filling) + bytes_of(&s->flushing);
}

void store_put(struct store *s, struct run_cut *cut) {
	struct entry *entry = zeroed(sizeof *entry);
	uint32_t step;

	entry->cut = cut;
	HOLDS(run_export(cut->run, &entry->state, &entry->state_len, &step) == 0);
	list_append(&s->filling, &entry->link);
}

void store_commit(struct store *s) {
	s->commit_wanted = true;
	begin_commit(s);
}

int store_look(struct store *s, const char *run_id, struct stored_run *ret) {
	const struct kept_run *run = find_run(run_id);
	(void)s;

	if (run == NULL) {
		return -ENOENT;
	}
	*ret = (struct stored_run){.uid = getuid(), .d_sae = run->saved.d_sae, .world_size = 1};
	return 0;
}

int store_each_usage(
	struct store *s, void (*each)(void *user, uint32_t uid, uint64_t bytes), void *user) {
	(void)s;
	(void)each;
	(void)user;
	return 0;
}

int store_load(struct store *s, const char *run_id, struct loaded_run *ret) {
	const struct kept_run *run = find_run(run_id);
	(void)s;

	if (run == NULL) {
		return -ENOENT;
	}
	*ret = (struct loaded_run){.saved = saved_of(run)};
	ret->memory = copy_of(run->small, run->saved.small_len);
	ret->saved.small = ret->memory;
	return 0;
}

void loaded_run_finish(struct loaded_run *l) {
	saved_finish(&l->saved);
	free(l->memory);
	*l = (struct loaded_run){0};
}

int store_load_mark(struct store *s, const char *run_id, uint32_t attempt, uint32_t step,
	uint8_t **ret_state, size_t *ret_len) {
	const struct kept_mark *found = NULL;
	(void)s;

	list_for_each(link, &disk_marks) {
		const struct kept_mark *mark = container_of(link, struct kept_mark, link);
		if (strcmp(mark->run_id, run_id) == 0 && mark->attempt == attempt &&
			mark->step == step) {
			found = mark;
		}
	}
	if (found == NULL) {
		return -ENOENT;
	}
	*ret_state = copy_of(found->state, found->len);
	*ret_len = found->len;
	return 0;
}

int store_each_open_run(struct store *s, void (*each)(void *user, const char *run_id), void *user) {
	(void)s;
	list_for_each(link, &disk_runs) {
		const struct kept_run *run = container_of(link, struct kept_run, link);
		if (run->open) {
			each(user, run->id);
		}
	}
	return 0;
}

/* ---- reports ---- */

int store_report(struct store *s, const char *run_part, const struct viewer *viewer,
	store_report_fn on_report, void *user) {
	struct question *question = zeroed(sizeof *question);
	(void)viewer;

	question->run_part = run_part != NULL ? strdup(run_part) : NULL;
	question->on_report = on_report;
	question->user = user;
	list_append(&s->questions, &question->link);
	return 0;
}

int store_report_fine(struct store *s, const char *run_part, unsigned points,
	const struct viewer *viewer, store_report_fn on_report, void *user) {
	(void)points;
	return store_report(s, run_part, viewer, on_report, user);
}

/* Nothing is forwarded here: there is no W&B. */
int store_visit(struct store *s, struct forward_visit *visit, store_visit_fn on_visit, void *user) {
	(void)s;
	(void)visit;
	(void)on_visit;
	(void)user;
	return -ENOSYS;
}

int store_each_forward(struct store *s, void (*each)(void *user, const char *run_id), void *user) {
	(void)s;
	(void)each;
	(void)user;
	return 0;
}

int store_find_run(struct store *s, const char *run_part, const struct viewer *viewer,
	store_report_fn on_report, void *user) {
	return store_report(s, run_part, viewer, on_report, user);
}

int store_list_runs(struct store *s, const char *run_part, const struct viewer *viewer,
	store_report_fn on_report, void *user) {
	(void)run_part;
	return store_report(s, NULL, viewer, on_report, user);
}

int store_points(
	struct store *s, const struct points_query *query, store_text_fn on_points, void *user) {
	struct question *question = zeroed(sizeof *question);

	(void)query;
	question->on_points = on_points;
	question->user = user;
	list_append(&s->questions, &question->link);
	return 0;
}

int store_extract(
	struct store *s, const struct extract_query *query, store_text_fn on_page, void *user) {
	(void)query;
	return store_points(s, NULL, on_page, user);
}

/* As much of the real one as the engine lays something over, or asks of a run. */
static json_t *report_of(const char *run_part) {
	json_t *runs = json_array();

	list_for_each(link, &disk_runs) {
		const struct kept_run *run = container_of(link, struct kept_run, link);
		if (run_part == NULL || strstr(run->id, run_part) != NULL) {
			json_array_append_new(
				runs, json_pack("{s:s, s:i, s:s, s:s, s:i, s:[{s:s}], s:{s:f}}",
					      "id", run->id, "uid", (int)getuid(), "user", "who",
					      "state", run->open ? "running" : "finished",
					      "total_training_steps", 100, "alerts", "kind",
					      "running", "open_window", "fill", 0.0));
		}
	}
	return json_pack("{s:i, s:o}", "schema", REPORT_SCHEMA, "runs", runs);
}

void fake_store_answer(struct store *s) {
	for (struct list *link; (link = list_take_first(&s->questions)) != NULL;) {
		struct question *question = container_of(link, struct question, link);
		json_t *report = report_of(question->run_part);
		if (question->run_part != NULL &&
			json_array_size(json_object_get(report, "runs")) != 1) {
			json_decref(report);
			answer(question, NULL, REPORT_NO_SUCH_RUN, "no run, or more than one");
		} else {
			answer(question, report, REPORT_OK, "");
		}
	}
}

bool fake_store_state_is_sound(const uint8_t *state, size_t len) {
	struct state_view view;
	return len >= 16 && state_read(state, len, le32_load(state + 12), &view) == NULL;
}

/* Nothing is ever old here, and there is no worker: the turn is not taken. */
int store_trim(struct store *s, struct trim *trim, store_trim_fn on_trimmed, void *user) {
	(void)s;
	(void)trim;
	(void)on_trimmed;
	(void)user;
	return -ENOMEM;
}

/* Nor is anything changed beside the runs. */
int store_amend(
	struct store *s, struct amendment *amendment, store_amend_fn on_amended, void *user) {
	(void)s;
	(void)amendment;
	(void)on_amended;
	(void)user;
	return -ENOMEM;
}

void store_empty_log(struct store *s) {
	(void)s;
}

int store_find_removed(struct store *s, const char *run_id, const struct viewer *viewer,
	bool *ret_found, char ret_words[256]) {
	(void)s;
	(void)run_id;
	(void)viewer;
	(void)ret_words;
	*ret_found = false;
	return 0;
}
