#include "export_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bounds.h"
#include "document.h"
#include "format.h"
#include "interrupt.h"
#include "output_file.h"
#include "removed.h"
#include "run_source.h"
#include "subcommand.h"

#define FOLDER_MODE 0777 /* less the umask */
#define NEEDS_MAX   16u

struct target {
	struct output_file file; /* its stream is NULL: stdout */
	struct row_output out;
};

struct exporting {
	const struct export_rows *e;
	struct target targets[EXPORT_TABLES];
	const char *needs[NEEDS_MAX]; /* NULL ends them */
	json_t *done;                 /* ids: two parts may mean one run */
};

static int fail(const char *what, const char *which, int err) {
	fprintf(stderr, "sae-metricsd export: %s%s: %s\n", what, which, strerror(-err));
	return EXIT_FAILED;
}

/* ---- where to ---- */

static size_t count_tables(const struct export_rows *e) {
	size_t n = 0;

	for (size_t i = 0; i < EXPORT_TABLES; i++) {
		n += e->wants[i];
	}
	return n;
}

static bool is_folder(const char *path) {
	struct stat st;

	return path[strlen(path) - 1] == '/' || (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

static int name_file(
	const struct export_rows *e, size_t table, bool in_folder, char ret[PATH_MAX]) {
	const char *to = e->read->file;
	int n = in_folder ? snprintf(ret, PATH_MAX, "%s/%s.%s", to, export_tables[table].name,
				    e->format == ROWS_CSV ? "csv" : "jsonl")
			  : snprintf(ret, PATH_MAX, "%s", to);

	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int open_target(struct exporting *x, size_t table, bool in_folder) {
	struct target *t = &x->targets[table];
	char path[PATH_MAX];
	int err = 0;

	if (x->e->read->file != NULL) {
		err = name_file(x->e, table, in_folder, path);
		err = err < 0 ? err : output_file_begin(&t->file, path);
	}
	if (err < 0) {
		return fail("cannot write ", x->e->read->file, err);
	}
	row_output_init(&t->out, t->file.stream != NULL ? t->file.stream : stdout, x->e->format);
	return EXIT_OK;
}

static int open_targets(struct exporting *x) {
	const char *to = x->e->read->file;
	bool in_folder = to != NULL && (count_tables(x->e) > 1 || is_folder(to));
	int status = EXIT_OK;

	if (in_folder && mkdir(to, FOLDER_MODE) < 0 && errno != EEXIST) {
		return fail("cannot make ", to, -errno);
	}
	for (size_t i = 0; i < EXPORT_TABLES && status == EXIT_OK; i++) {
		status = x->e->wants[i] ? open_target(x, i, in_folder) : EXIT_OK;
	}
	return status;
}

static int close_target(struct target *t, int status) {
	int err = 0;

	if (status == EXIT_OK && t->out.stream != NULL) {
		err = row_output_flush(&t->out);
	}
	int ended = output_file_end(&t->file, status == EXIT_OK && err == 0);
	err = err < 0 ? err : ended;
	row_output_finish(&t->out);
	return err < 0 ? fail("cannot write ", t->file.path[0] != '\0' ? t->file.path : "to stdout",
				 err)
		       : status;
}

static int close_targets(struct exporting *x, int status) {
	for (size_t i = 0; i < EXPORT_TABLES; i++) {
		status = close_target(&x->targets[i], status);
	}
	return status;
}

/* ---- a run ---- */

static void collect_needs(struct exporting *x) {
	size_t n = 0;

	for (size_t i = 0; i < EXPORT_TABLES; i++) {
		for (const char *const *need = export_tables[i].needs;
			x->e->wants[i] && *need != NULL; need++) {
			bool is_new = n + 1 < NEEDS_MAX;
			for (size_t k = 0; k < n; k++) {
				is_new = is_new && strcmp(x->needs[k], *need) != 0;
			}
			if (is_new) {
				x->needs[n++] = *need;
			}
		}
	}
}

static void say_removed(void *user, const struct removed *removed) {
	fprintf(stderr, "sae-metricsd export: %s: %s: they are not exported\n", (const char *)user,
		removed->words);
}

/* False: it was written already, for it was meant twice. */
static bool read_id(struct exporting *x, sqlite3 *sql, int64_t n, char ret[RUN_ID_MAX + 1]) {
	sqlite3_stmt *st = NULL;

	ret[0] = '\0';
	if (sqlite3_prepare_v2(sql, "SELECT id FROM runs_data WHERE n = ?", -1, &st, NULL) ==
		SQLITE_OK) {
		(void)sqlite3_bind_int64(st, 1, n);
		if (sqlite3_step(st) == SQLITE_ROW) {
			snprintf(ret, RUN_ID_MAX + 1, "%s",
				(const char *)sqlite3_column_text(st, 0));
		}
	}
	(void)sqlite3_finalize(st);
	bool is_new = json_object_get(x->done, ret) == NULL;
	(void)json_object_set_new(x->done, ret, json_true());
	return is_new;
}

static int write_table(
	struct exporting *x, size_t table, sqlite3 *sql, int64_t n, const char *id, bool is_first) {
	int err = export_table_write(&export_tables[table], sql, n, id, &x->e->choice, is_first,
		x->e->stop, &x->targets[table].out);

	if (err == -ENOENT) {
		fprintf(stderr,
			"sae-metricsd export: %s: no window has closed, so there are no counts of "
			"its features\n",
			id);
		return EXIT_OK;
	}
	if (err == -EBADMSG) {
		fprintf(stderr, "sae-metricsd export: the database cannot be read: %s\n",
			sqlite3_errmsg(sql));
		return EXIT_FAILED;
	}
	if (err == -EINTR) {
		fputs("sae-metricsd export: stopped\n", stderr);
		return EXIT_FAILED;
	}
	return err < 0 ? fail("cannot write ", export_tables[table].name, err) : EXIT_OK;
}

static int write_run(struct exporting *x, const char *part) {
	struct source where = x->e->read->source;
	const struct run_source source = {.command = "export",
		.where = &where,
		.tables = {.names = x->needs},
		.stop = x->e->stop};
	bool is_first = json_object_size(x->done) == 0;
	char id[RUN_ID_MAX + 1];
	sqlite3 *sql = NULL;
	int64_t n = 0;

	where.run_part = part;
	int status = run_source_open(&source, &sql, &n);
	if (status == EXIT_OK && read_id(x, sql, n, id)) {
		/* All tables as of one moment, whoever writes meanwhile; where it cannot be begun the first row says why. */
		(void)sqlite3_exec(sql, "BEGIN", NULL, NULL, NULL);
		(void)removed_each(sql, n, say_removed, id);
		for (size_t i = 0; i < EXPORT_TABLES && status == EXIT_OK; i++) {
			status = x->e->wants[i] ? write_table(x, i, sql, n, id, is_first) : EXIT_OK;
		}
	}
	(void)sqlite3_close(sql);
	return status;
}

/* ---- which runs ---- */

static int write_named(struct exporting *x) {
	int status = EXIT_OK;

	for (size_t i = 0; i < x->e->n_runs && status == EXIT_OK; i++) {
		status = write_run(x, x->e->runs[i]);
	}
	return status;
}

/* Oldest first, as rows are. Ones that could not be read are said, and make it fail in the end. */
static int write_filtered(struct exporting *x) {
	struct source where = x->e->read->source;
	char words[RUN_FILTER_WORDS_SIZE];
	json_t *document = NULL;
	int status = source_read(&where, &document);
	json_t *runs = json_object_get(document, "runs");

	if (document != NULL && !run_filter_apply(&x->e->filter, runs, words)) {
		fprintf(stderr, "sae-metricsd export: %s\n", words);
		status = EXIT_USAGE;
	} else if (status == EXIT_OK && json_array_size(runs) == 0) {
		fputs("sae-metricsd export: no run is one of these\n", stderr);
		status = EXIT_NO_SUCH_RUN;
	}
	for (size_t i = json_array_size(runs); i-- > 0 && status == EXIT_OK;) {
		status = write_run(x, document_text(json_array_get(runs, i), "id"));
	}
	json_decref(document);
	return status;
}

int export_rows(const struct export_rows *e) {
	struct exporting *x = calloc(1, sizeof *x);
	int status = EXIT_FAILED;

	if (x == NULL) {
		return fail("cannot begin", "", -ENOMEM);
	}
	x->e = e;
	x->done = json_object();
	collect_needs(x);
	status = open_targets(x);
	if (status == EXIT_OK) {
		status = e->n_runs > 0 ? write_named(x) : write_filtered(x);
	}
	status = close_targets(x, status);
	json_decref(x->done);
	free(x);
	interrupt_heed();
	return status;
}
