#include "store.h"
#include "report.h"
#include "viewer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "cut.h"
#include "fault.h"
#include "store_private.h"

static uv_loop_t loop;
static struct store *store;
static char path[256], words[256];

/* What the callbacks said. */
static struct {
	int commits, status, rejected, reports;
	uint64_t applied; /* of the last cut committed */
	int troubles, heals;
	char trouble[512], why[256];
	json_t *report;
	int report_status;
	bool closed;
} seen;

static void on_committed(void *user, const struct run_cut *cuts, int status) {
	assert_ptr_equal(user, &seen);
	seen.commits++;
	seen.status = status;
	for (; cuts != NULL; cuts = cuts->next) {
		seen.applied = cuts->streams->applied;
	}
}

static void on_trouble(void *user, const char *trouble) {
	(void)user;
	if (trouble == NULL) {
		seen.heals++;
	} else {
		seen.troubles++;
		snprintf(seen.trouble, sizeof seen.trouble, "%s", trouble);
	}
}

static void on_rejected(void *user, const struct run_cut *cut, const char *why) {
	(void)user;
	seen.rejected++;
	snprintf(seen.why, sizeof seen.why, "%s: %s", cut->run_id, why);
}

static void on_report(void *user, json_t *report, int status, const char *report_words) {
	(void)user;
	seen.reports++;
	seen.report = json_incref(report);
	seen.report_status = status;
	snprintf(words, sizeof words, "%s", report_words);
}

static void on_closed(void *user) {
	(void)user;
	seen.closed = true;
}

static const struct store_callbacks callbacks = {on_committed, on_trouble, on_rejected};

static int open_store(void) {
	words[0] = '\0';
	return store_open(
		&loop, &(struct store_options){path, "0.1.0"}, &callbacks, &seen, &store, words);
}

static void close_store(void) {
	seen.closed = false;
	store_close(store, on_closed, NULL);
	while (!seen.closed) {
		uv_run(&loop, UV_RUN_ONCE);
	}
	store = NULL;
}

static int setup(void **state) {
	(void)state;
	memset(&seen, 0, sizeof seen);
	place_create();
	snprintf(path, sizeof path, "%s", path_of("m.db"));
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(open_store(), 0);
	return 0;
}

static int teardown(void **state) {
	(void)state;
	fault_writes(0);
	fault_syncs("", 0);
	if (store != NULL) {
		close_store();
	}
	assert_int_equal(uv_loop_close(&loop), 0);
	place_remove();
	return 0;
}

#define WAIT_UNTIL(condition)                                                                      \
	while (!(condition)) {                                                                     \
		assert_true(uv_run(&loop, UV_RUN_ONCE) != 0 || (condition));                       \
	}

static void put_step(uint32_t step) {
	struct run_cut *cut = cut_create("run1", step + 1);
	cut_set_hot(cut, 100, step);
	cut_step(cut, step);
	store_put(store, cut);
}

static void a_commit_is_told_once_it_is_readable(void **state) {
	(void)state;
	put_step(0);
	assert_true(store_filling_bytes(store) > 800);
	store_commit(store);
	assert_int_equal(store_filling_bytes(store), 0);
	assert_true(store_held_bytes(store) > 800);
	assert_true(store_busy(store));
	WAIT_UNTIL(seen.commits == 1);
	assert_int_equal(seen.status, 0);
	assert_string_equal(sql_text(path, "SELECT step FROM steps"), "0");
	assert_int_equal(store_held_bytes(store), 0);
	assert_false(store_busy(store));
	assert_true(store_last_commit_s(store) > 0);
}

static void what_comes_during_a_commit_makes_the_next_one_bigger(void **state) {
	(void)state;
	put_step(0);
	store_commit(store);
	for (uint32_t i = 1; i < 50; i++) {
		put_step(i);
		store_commit(store);
	}
	WAIT_UNTIL(seen.applied == 50);
	assert_int_equal(seen.commits, 2);
	assert_string_equal(sql_text(path, "SELECT count(*) FROM steps"), "50");
}

static void what_was_stored_is_loaded_after_a_restart(void **state) {
	(void)state;
	put_step(3);
	store_commit(store);
	WAIT_UNTIL(seen.commits == 1);
	uint8_t id[DB_ID_SIZE];
	memcpy(id, store_db_id(store), sizeof id);
	close_store();
	assert_false(exists(path_of("m.db-wal")));

	assert_int_equal(open_store(), 0);
	assert_memory_equal(store_db_id(store), id, sizeof id);
	assert_null(store_opening_words(store));
	struct loaded_run loaded;
	assert_int_equal(store_load(store, "run1", &loaded), 0);
	assert_int_equal(loaded.saved.window[0], 3);
	loaded_run_finish(&loaded);
	assert_string_equal(sql_text(path, "SELECT epoch FROM meta"), "2");
}

static void a_writer_in_the_way_is_waited_for_and_told_once(void **state) {
	(void)state;
	sqlite3 *other = NULL;
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	put_step(0);
	store_commit(store);
	WAIT_UNTIL(seen.troubles == 1);
	assert_int_equal(seen.commits, 0);
	put_step(1);
	store_commit(store);
	assert_non_null(strstr(seen.trouble, "locked"));
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	WAIT_UNTIL(seen.applied == 2);
	assert_int_equal(seen.troubles, 1);
	assert_int_equal(seen.heals, 1);
	assert_string_equal(sql_text(path, "SELECT count(*) FROM steps"), "2");
}

static void a_full_disk_is_waited_out_in_order(void **state) {
	(void)state;
	fault_writes(ENOSPC);
	put_step(0);
	store_commit(store);
	WAIT_UNTIL(seen.troubles == 1);
	assert_non_null(strstr(seen.trouble, "full"));
	for (uint32_t i = 1; i < 5; i++) {
		put_step(i);
	}
	store_commit(store);
	fault_writes(0);
	WAIT_UNTIL(seen.applied == 5);
	assert_int_equal(seen.heals, 1);
	assert_string_equal(sql_text(path, "SELECT count(*) FROM steps"), "5");
}

static void after_an_unknown_outcome_memory_is_given_up_and_work_goes_on(void **state) {
	(void)state;
	fault_syncs("-wal", EIO);
	put_step(0);
	store_commit(store);
	put_step(1);
	WAIT_UNTIL(seen.troubles == 1);
	fault_syncs("", 0);
	WAIT_UNTIL(seen.commits == 1);
	assert_int_equal(seen.status, -EIO);
	assert_int_equal(store_held_bytes(store), 0);

	const char *count = sql_text(path, "SELECT count(*) FROM steps");
	put_step((uint32_t)atoi(count));
	store_commit(store);
	WAIT_UNTIL(seen.commits == 2);
	assert_int_equal(seen.status, 0);
	assert_int_equal(seen.heals, 1);
}

static void a_file_put_in_its_place_is_noticed_before_anything_is_written(void **state) {
	(void)state;
	put_step(0);
	store_commit(store);
	WAIT_UNTIL(seen.commits == 1);
	assert_int_equal(rename(path, path_of("elsewhere.db")), 0);
	put_step(1);
	store_commit(store);
	WAIT_UNTIL(seen.commits == 2);
	assert_int_equal(seen.status, -EIO);
	put_step(0);
	store_commit(store);
	WAIT_UNTIL(seen.commits == 3);
	assert_int_equal(seen.status, 0);
}

static void a_rejected_run_is_named_and_the_rest_is_committed(void **state) {
	(void)state;
	put_step(0);
	store_commit(store);
	WAIT_UNTIL(seen.commits == 1);
	put_step(0);
	store_put(store, cut_create("run2", 9));
	store_commit(store);
	WAIT_UNTIL(seen.commits == 2);
	assert_int_equal(seen.status, 0);
	assert_int_equal(seen.applied, 9);
	assert_int_equal(seen.rejected, 1);
	assert_ptr_equal(strstr(seen.why, "run1: its rows collide"), seen.why);
}

static int count_aside(void) {
	char command[512];
	snprintf(command, sizeof command, "ls %s.damaged-* | grep -vc -e -wal -e -shm", path);
	FILE *f = popen(command, "r");
	int n = 0;
	assert_int_equal(fscanf(f, "%d", &n), 1);
	pclose(f);
	return n;
}

static void spoil_pages(void) {
	for (long at = 4096; at < 8192 * 4; at += 100) {
		spoil(path, at);
	}
}

static void a_file_damaged_while_it_stood_is_set_aside_and_never_deleted(void **state) {
	(void)state;
	put_step(0);
	store_commit(store);
	WAIT_UNTIL(seen.commits == 1);
	uint8_t id[DB_ID_SIZE];
	memcpy(id, store_db_id(store), sizeof id);
	close_store();
	spoil_pages();
	assert_int_equal(open_store(), 0);
	assert_non_null(strstr(store_opening_words(store), "was damaged and is now"));
	assert_memory_not_equal(store_db_id(store), id, sizeof id);
	assert_int_equal(count_aside(), 1);
	assert_string_equal(sql_text(path, "SELECT count(*) FROM runs"), "0");
	assert_string_equal(sql_text(path, "SELECT kind FROM events"), "replaced");
}

static void a_file_damaged_under_way_is_replaced_and_runs_go_on_from_memory(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("run1", 1);
	cut_set_hot(cut, 100, 1);
	cut_set_base(cut, 100, 77);
	for (uint32_t i = 0; i < 2000; i++) {
		cut_step(cut, i);
	}
	store_put(store, cut);
	store_commit(store);
	WAIT_UNTIL(seen.commits == 1);
	/* A stranger's checkpoint brings the pages into the file, where they are spoiled. */
	sql_run(path, "PRAGMA wal_checkpoint(TRUNCATE)");
	for (long at = 4096; at < 4096 * 60; at += 50) {
		spoil(path, at);
	}

	cut = cut_create("run1", 3000);
	cut_set_hot(cut, 100, 2);
	cut_step(cut, 2000);
	store_put(store, cut);
	store_commit(store);
	WAIT_UNTIL(seen.commits == 2);
	assert_int_equal(seen.status, 0);
	assert_true(seen.troubles >= 1);
	assert_int_equal(seen.heals, 1);
	assert_int_equal(count_aside(), 1);
	assert_string_equal(sql_text(path, "SELECT group_concat(step) FROM steps"), "2000");
	struct loaded_run loaded;
	assert_int_equal(store_load(store, "run1", &loaded), 0);
	assert_int_equal(loaded.saved.window[0], 2);
	assert_int_equal(loaded.saved.base[0], 77000);
	loaded_run_finish(&loaded);
}

/* The first page of a table; what is in it was copied from the log. */
static void spoil_table(const char *table) {
	char query[128];
	snprintf(
		query, sizeof query, "SELECT rootpage FROM sqlite_schema WHERE name = '%s'", table);
	long page = atol(sql_text(path, query));
	for (long at = (page - 1) * 4096; at < page * 4096; at += 50) {
		spoil(path, at);
	}
}

static void look(void) {
	struct stored_run run;
	assert_true(store_look(store, "run1", &run) < 0);
}

static void load(void) {
	struct loaded_run run;
	assert_true(store_load(store, "run1", &run) < 0);
}

static void on_usage(void *user, uint32_t uid, uint64_t bytes) {
	(void)user;
	(void)uid;
	(void)bytes;
}

static void count_usage(void) {
	assert_true(store_each_usage(store, on_usage, NULL) < 0);
}

static void find_removed(void) {
	bool found;
	assert_true(
		store_find_removed(store, "run1", &(struct viewer){.uid = 0}, &found, words) < 0);
}

static void on_id(void *user, const char *id) {
	(void)user;
	(void)id;
}

static void each_open_run(void) {
	assert_true(store_each_open_run(store, on_id, NULL) < 0);
}

static void damage_that_any_reading_meets_is_looked_at(void **state) {
	static const struct {
		const char *table;
		void (*read)(void);
	} readings[] = {
		{"runs_data", look},
		{"runs_data", count_usage},
		{"runs_data", each_open_run},
		{"run_state", load},
		{"removed_runs_by_id", find_removed},
	};
	(void)state;
	for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++) {
		seen.commits = seen.troubles = 0;
		put_step(0);
		store_commit(store);
		WAIT_UNTIL(seen.commits == 1);
		sql_run(path,
			"INSERT INTO removed_runs_data VALUES (99, 'run1', NULL, NULL, NULL, 0, 0, "
			"'finished', 1, 0, 0, 0, '', 1)");
		close_store();
		spoil_table(readings[i].table);
		assert_int_equal(open_store(), 0);
		assert_null(store_opening_words(store));
		readings[i].read();
		WAIT_UNTIL(seen.troubles == 1);
		assert_int_equal(count_aside(), i + 1);
	}
}

/* The second time the worker is at it. */
static void damage_that_is_met_while_the_file_is_looked_at_is_that_files(void **state) {
	(void)state;
	put_step(0);
	store_commit(store);
	WAIT_UNTIL(seen.commits == 1);
	close_store();
	spoil_table("runs_data");
	assert_int_equal(open_store(), 0);
	look();
	look();
	WAIT_UNTIL(seen.troubles == 1);
	assert_int_equal(count_aside(), 1);
	put_step(1);
	store_commit(store);
	WAIT_UNTIL(seen.commits == 2);
	assert_int_equal(seen.status, 0);
	assert_int_equal(count_aside(), 1);
}

static void write_file(const char *name, const char *text) {
	FILE *f = fopen(path_of(name), "w");
	fputs(text, f);
	fclose(f);
}

static void somebody_elses_file_is_refused_and_left_alone(void **state) {
	(void)state;
	close_store();
	write_file("notes.txt",
		"my notes, which are longer than the header of a database is, so that "
		"nobody can mistake them for one: really not");
	snprintf(path, sizeof path, "%s", path_of("notes.txt"));
	assert_int_equal(open_store(), -EINVAL);
	assert_non_null(strstr(words, "notes.txt"));
	FILE *f = fopen(path, "r");
	char text[9] = "";
	assert_non_null(fgets(text, sizeof text, f));
	fclose(f);
	assert_string_equal(text, "my notes");

	snprintf(path, sizeof path, "%s", path_of("other.db"));
	sql_run(path, "CREATE TABLE t (x)");
	assert_int_equal(open_store(), -EINVAL);
	assert_non_null(strstr(words, "another program's"));
}

static void a_newer_schema_is_refused_in_words(void **state) {
	(void)state;
	close_store();
	sql_run(path, "PRAGMA user_version = 99");
	assert_int_equal(open_store(), -EPROTO);
	assert_non_null(strstr(words, "newer"));
	assert_string_equal(sql_text(path, "SELECT epoch FROM meta"), "1");
}

static void a_directory_that_is_not_there_is_named(void **state) {
	(void)state;
	close_store();
	snprintf(path, sizeof path, "%s", path_of("nowhere/m.db"));
	assert_int_equal(open_store(), -ENOENT);
	assert_non_null(strstr(words, "nowhere"));
}

static void a_second_daemon_is_told_who_has_it(void **state) {
	(void)state;
	struct store *mine = store;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		uv_loop_t other;
		struct store *s;
		char pid[32];
		uv_loop_init(&other);
		snprintf(pid, sizeof pid, "(pid %ld)", (long)getppid());
		int err = store_open(&other, &(struct store_options){path, "0.1.0"}, &callbacks,
			&seen, &s, words);
		_exit(err == -EBUSY && strstr(words, pid) != NULL ? 0 : 1);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	/* In the same process too. */
	assert_int_equal(open_store(), -EBUSY);
	store = mine;
	close_store();
	assert_int_equal(open_store(), 0);
}

static void a_link_to_a_database_is_that_database(void **state) {
	(void)state;
	char link[256];
	snprintf(link, sizeof link, "%s", path_of("link.db"));
	assert_int_equal(symlink(path, link), 0);
	struct store *mine = store;
	struct store *other;
	assert_int_equal(store_open(&loop, &(struct store_options){link, "0.1.0"}, &callbacks,
				 &seen, &other, words),
		-EBUSY);
	store = mine;
	assert_false(exists(path_of("link.db-state")));
	assert_false(exists(path_of("link.db.lock")));
}

static void a_database_put_back_from_a_copy_is_another_database(void **state) {
	(void)state;
	put_step(0);
	store_commit(store);
	WAIT_UNTIL(seen.commits == 1);
	uint8_t id[DB_ID_SIZE];
	memcpy(id, store_db_id(store), sizeof id);
	close_store();
	char command[600];
	snprintf(command, sizeof command, "cp %s %s.copy", path, path);
	assert_int_equal(system(command), 0);
	assert_int_equal(open_store(), 0);
	put_step(1);
	store_commit(store);
	WAIT_UNTIL(seen.commits == 2);
	close_store();
	assert_int_equal(open_store(), 0);
	assert_memory_equal(store_db_id(store), id, sizeof id);
	close_store();

	snprintf(command, sizeof command, "mv %s.copy %s", path, path);
	assert_int_equal(system(command), 0);
	assert_int_equal(open_store(), 0);
	assert_memory_not_equal(store_db_id(store), id, sizeof id);
	assert_non_null(strstr(store_opening_words(store), "older copy"));
	struct loaded_run loaded;
	assert_int_equal(store_load(store, "run1", &loaded), 0);
	loaded_run_finish(&loaded);
	close_store();
	assert_int_equal(open_store(), 0);
	assert_null(store_opening_words(store));
}

static const struct viewer viewer = {.uid = 0};

static void a_report_is_made_between_commits(void **state) {
	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		put_step(i);
		store_commit(store);
	}
	assert_int_equal(store_report(store, "run1", &viewer, on_report, NULL), 0);
	assert_int_equal(store_report(store, "nobody", &viewer, on_report, NULL), 0);
	WAIT_UNTIL(seen.reports == 1);
	assert_int_equal(seen.report_status, 0);
	json_t *runs = json_object_get(seen.report, "runs");
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(runs, 0), "id")), "run1");
	json_decref(seen.report);
	WAIT_UNTIL(seen.reports == 2);
	assert_int_equal(seen.report_status, 4);
	assert_null(seen.report);
	assert_string_equal(words, "no run fits 'nobody'");
}

static void what_is_asked_of_the_table_or_of_a_run_waits_for_no_commit(void **state) {
	const char *const asked[] = {NULL, "run1"};
	(void)state;
	put_step(0);
	store_commit(store);
	WAIT_UNTIL(seen.commits == 1);
	for (int i = 0; i < 2; i++) {
		put_step(i + 1);
		store_commit(store);
		assert_int_equal(store->job, JOB_COMMIT);
		assert_int_equal(store_report(store, asked[i], &viewer, on_report, NULL), 0);
		assert_true(asking_busy(&store->asking));
		WAIT_UNTIL(seen.reports == i + 1 && seen.commits == i + 2);
		assert_int_equal(seen.report_status, 0);
		assert_int_equal(json_array_size(json_object_get(seen.report, "runs")), 1);
		json_decref(seen.report);
	}
}

static void a_run_that_the_commit_under_way_is_the_first_to_bring_is_found(void **state) {
	(void)state;
	put_step(0);
	store_commit(store);
	assert_int_equal(store_report(store, "run1", &viewer, on_report, NULL), 0);
	assert_true(store->asking.serving->may_be_early);
	WAIT_UNTIL(seen.reports == 1);
	assert_int_equal(seen.report_status, 0);
	json_decref(seen.report);

	assert_int_equal(store->job, JOB_NONE);
	assert_int_equal(store_report(store, "nobody", &viewer, on_report, NULL), 0);
	assert_false(store->asking.serving->may_be_early);
	WAIT_UNTIL(seen.reports == 2);
	assert_int_equal(seen.report_status, REPORT_NO_SUCH_RUN);
}

struct searching {
	struct request request; /* first */
	int n_served, n_answered, commits_then;
};

static int find_nothing(struct request *r, struct db *db) {
	(void)db;
	((struct searching *)r)->n_served++;
	r->found_nothing = true;
	return 0;
}

static void on_searched(struct request *r, int status) {
	struct searching *s = (struct searching *)r;
	assert_int_equal(status, 0);
	s->n_answered++;
	s->commits_then = seen.commits;
}

static void who_may_have_been_early_is_asked_once_more_behind_the_commit(void **state) {
	const struct request request = {.serve = find_nothing, .answer = on_searched};
	struct searching early = {.request = request}, late = {.request = request};
	(void)state;
	early.request.may_be_early = true;
	put_step(0);
	store_commit(store);
	asking_add(&store->asking, &early.request);
	asking_add(&store->asking, &late.request);
	WAIT_UNTIL(early.n_answered == 1 && late.n_answered == 1);
	assert_int_equal(early.n_served, 2);
	assert_int_equal(early.commits_then, 1);
	assert_int_equal(late.n_served, 1);
}

static void a_run_is_found_without_its_report(void **state) {
	(void)state;
	put_step(0);
	store_commit(store);
	assert_int_equal(store_find_run(store, "un1", &viewer, on_report, NULL), 0);
	WAIT_UNTIL(seen.reports == 1);
	assert_int_equal(seen.report_status, 0);
	json_t *run = json_array_get(json_object_get(seen.report, "runs"), 0);
	assert_string_equal(json_string_value(json_object_get(run, "id")), "run1");
	assert_int_equal(json_object_size(run), 5);
	json_decref(seen.report);
}

static void runs_are_listed_without_their_reports(void **state) {
	(void)state;
	put_step(0);
	store_commit(store);
	assert_int_equal(store_list_runs(store, "nobody", &viewer, on_report, NULL), 0);
	WAIT_UNTIL(seen.reports == 1);
	assert_int_equal(seen.report_status, 0);
	json_t *run = json_array_get(json_object_get(seen.report, "runs"), 0);
	assert_string_equal(json_string_value(json_object_get(run, "id")), "run1");
	assert_int_equal(json_object_size(run), 4);
	json_decref(seen.report);
}

static void closing_finishes_what_is_in_flight_and_answers_who_waits(void **state) {
	(void)state;
	put_step(0);
	store_commit(store);
	put_step(1);
	assert_int_equal(store_find_run(store, "run1", &viewer, on_report, NULL), 0);
	close_store();
	assert_int_equal(seen.commits, 1);
	assert_int_equal(seen.applied, 1);
	assert_int_equal(seen.reports, 1);
	assert_int_equal(seen.report_status, -ECANCELED);
	assert_string_equal(sql_text(path, "SELECT count(*) FROM steps"), "1");
}

static void closing_does_not_wait_for_a_disk_that_stays_full(void **state) {
	(void)state;
	fault_writes(ENOSPC);
	put_step(0);
	store_commit(store);
	WAIT_UNTIL(seen.troubles == 1);
	close_store();
	assert_int_equal(seen.commits, 0);
}

static void the_log_is_emptied_into_the_database_as_it_grows(void **state) {
	(void)state;
	for (uint32_t i = 0; i < 40; i++) {
		struct run_cut *cut = cut_create("run1", i + 1);
		for (uint32_t j = 0; j < 2000; j++) {
			step_measure(cut_step(cut, i * 2000 + j), METRIC_L0, j, false);
		}
		store_put(store, cut);
		store_commit(store);
		WAIT_UNTIL(seen.commits == (int)i + 1);
	}
	FILE *f = fopen(path_of("m.db-wal"), "r");
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	assert_true(ftell(f) < 6 << 20);
	fclose(f);
	assert_null(store_log_words(store));
}

/* Commits of a mebibyte each. */
static void commit_until_the_log_is_spoken_of(bool spoken_of) {
	static char notes[1 << 20];
	for (int i = 0; (store_log_words(store) != NULL) != spoken_of; i++) {
		int commits = seen.commits;
		assert_true(i < 90);
		memset(notes, 'a' + i % 26, sizeof notes - 1);
		struct run_cut *cut = cut_create("run1", 2);
		cut->row.notes = notes;
		store_put(store, cut);
		store_commit(store);
		WAIT_UNTIL(seen.commits == commits + 1 && !store_busy(store));
	}
}

static sqlite3 *begin_reading(void) {
	sqlite3 *other = NULL;
	put_step(0);
	store_commit(store);
	WAIT_UNTIL(seen.commits == 1);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(other, "BEGIN; SELECT * FROM meta", NULL, NULL, NULL), SQLITE_OK);
	return other;
}

static void a_forgotten_reader_is_spoken_of(void **state) {
	(void)state;
	sqlite3 *other = begin_reading();
	commit_until_the_log_is_spoken_of(true);
	assert_non_null(strstr(store_log_words(store), "keeps reading"));
	sqlite3_close(other);
	commit_until_the_log_is_spoken_of(false);
}

static void a_log_that_was_kept_long_can_be_emptied_while_nobody_commits(void **state) {
	(void)state;
	sqlite3 *other = begin_reading();
	commit_until_the_log_is_spoken_of(true);
	store_empty_log(store);
	WAIT_UNTIL(!store_busy(store));
	assert_non_null(store_log_words(store));
	sqlite3_close(other);
	store_empty_log(store);
	WAIT_UNTIL(!store_busy(store));
	assert_null(store_log_words(store));
}

/* ---- requests that break something ---- */

static int visits_back, visit_status;

static void on_visit(void *user, struct forward_visit *v, int status) {
	(void)user;
	visits_back++;
	visit_status = status;
	forward_visit_destroy(v);
}

static void a_cut_made_while_a_request_fails_is_given_back(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("run1", 1);
	cut->row.forwards = cut->row.log_to_wandb = true;
	cut->row.forward_summary_json = "{}";
	store_put(store, cut);
	store_commit(store);
	WAIT_UNTIL(seen.commits == 1);
	visits_back = 0;
	struct forward_visit *v = forward_visit_create("run1");
	memcpy(v->cursor.db_id, store_db_id(store), DB_ID_SIZE);
	v->save = FORWARD_SAVE_CURSOR;
	v->refuse = 0; /* there is no such line: it cannot be served */
	assert_int_equal(store_visit(store, v, on_visit, NULL), 0);
	put_step(1);
	store_commit(store);
	WAIT_UNTIL(visits_back == 1 && seen.commits == 2);
	assert_true(visit_status < 0);
	assert_int_equal(store_filling_bytes(store), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
		T(a_commit_is_told_once_it_is_readable),
		T(what_comes_during_a_commit_makes_the_next_one_bigger),
		T(what_was_stored_is_loaded_after_a_restart),
		T(a_writer_in_the_way_is_waited_for_and_told_once),
		T(a_full_disk_is_waited_out_in_order),
		T(after_an_unknown_outcome_memory_is_given_up_and_work_goes_on),
		T(a_file_put_in_its_place_is_noticed_before_anything_is_written),
		T(a_rejected_run_is_named_and_the_rest_is_committed),
		T(a_file_damaged_while_it_stood_is_set_aside_and_never_deleted),
		T(a_file_damaged_under_way_is_replaced_and_runs_go_on_from_memory),
		T(damage_that_any_reading_meets_is_looked_at),
		T(damage_that_is_met_while_the_file_is_looked_at_is_that_files),
		T(somebody_elses_file_is_refused_and_left_alone),
		T(a_newer_schema_is_refused_in_words),
		T(a_directory_that_is_not_there_is_named),
		T(a_second_daemon_is_told_who_has_it),
		T(a_link_to_a_database_is_that_database),
		T(a_database_put_back_from_a_copy_is_another_database),
		T(a_report_is_made_between_commits),
		T(what_is_asked_of_the_table_or_of_a_run_waits_for_no_commit),
		T(a_run_that_the_commit_under_way_is_the_first_to_bring_is_found),
		T(who_may_have_been_early_is_asked_once_more_behind_the_commit),
		T(a_run_is_found_without_its_report),
		T(a_cut_made_while_a_request_fails_is_given_back),
		T(runs_are_listed_without_their_reports),
		T(closing_finishes_what_is_in_flight_and_answers_who_waits),
		T(closing_does_not_wait_for_a_disk_that_stays_full),
		T(the_log_is_emptied_into_the_database_as_it_grows),
		T(a_forgotten_reader_is_spoken_of),
		T(a_log_that_was_kept_long_can_be_emptied_while_nobody_commits),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
