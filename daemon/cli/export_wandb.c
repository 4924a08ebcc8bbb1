#include "export_wandb.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "introduction.h"
#include "line_reader.h"
#include "paths.h"
#include "wandb_framing.h"
#include "wandb_line.h"
#include "wandb_record.h"

#define FOLDER_MODE 0777 /* less the umask, as W&B's client has it */

struct export {
	const struct kept_run *run;
	const struct export_wandb *options;
	struct line_reader *lines;
	FILE *file;
	struct wandb_framing framing;
	struct buf record; /* the one being written */
	int64_t n_records;
	struct change_line last; /* without its entries */
	struct export_result result;
	char folder[PATH_MAX], unfinished[PATH_MAX], unfinished_file[PATH_MAX];
	char *words;
};

static int fail(struct export *e, int err, const char *what, const char *path) {
	snprintf(e->words, EXPORT_WORDS_MAX, "%s %.300s: %s", what, path, strerror(-err));
	return err;
}

/* ---- the file ---- */

static int on_write(void *user, const void *data, size_t len) {
	struct export *e = user;

	e->result.n_bytes += len;
	return fwrite(data, 1, len, e->file) == len ? 0 : -errno;
}

/* Puts e->record, which `err` says whether it could be made. */
static int put(struct export *e, int err) {
	err = err < 0 ? err : wandb_framing_put(&e->framing, e->record.data, e->record.len);
	buf_clear(&e->record);
	return err;
}

static int put_introduced(struct export *e, const struct payload_run *run) {
	int err = put(e, wandb_record_run(&e->record, ++e->n_records, run));

	for (size_t i = 0; err == 0 && i < run->n_metrics; i++) {
		err = put(e, wandb_record_metric(&e->record, ++e->n_records, &run->metrics[i]));
	}
	return err;
}

static int put_run(struct export *e) {
	const struct introduction introduction = {
		.version = SAE_METRICSD_VERSION,
		.x_axis = e->options->over_tokens ? FORWARD_X_TOKENS : FORWARD_X_STEP,
	};
	struct introduced introduced;
	int err = introduction_make(&introduced, &introduction, e->run->id, &e->run->about, NULL);

	err = err < 0 ? err : put_introduced(e, &introduced.run);
	introduced_finish(&introduced);
	return err;
}

static int put_rows(struct export *e) {
	const struct change_line *line;
	int result;

	while ((result = line_reader_next(e->lines, &line)) == LINE_READ) {
		e->last = *line;
		e->result.n_rows++;
		int err = put(e, wandb_record_history(&e->record, ++e->n_records, line));
		if (err < 0) {
			return err;
		}
		if (atomic_load(e->options->stop)) {
			return -EINTR;
		}
	}
	if (result < 0) {
		snprintf(e->words, EXPORT_WORDS_MAX, "the database cannot be read: %s",
			result == -EBADMSG ? "it is damaged" : strerror(-result));
	}
	return result;
}

static bool is_left_out(const void *user, const char *key) {
	return line_reader_left_out(user, key);
}

static double span_s(const struct export *e) {
	const struct wandb_span span = {
		.started = e->run->about.started,
		.ended = e->run->ended,
		.has_line = e->result.n_rows > 0,
		.time = e->last.time,
		.elapsed_s = e->last.elapsed_s,
	};
	return wandb_span_s(&span);
}

static int put_summary(struct export *e) {
	const struct wandb_summary summary = {
		.json = e->run->summary_json != NULL ? e->run->summary_json : "{}",
		.left_out = is_left_out,
		.user = e->lines,
		.last = e->result.n_rows > 0 ? &e->last : NULL,
		.span_s = span_s(e),
	};
	return put(e, wandb_record_summary(&e->record, ++e->n_records, &summary));
}

static int put_exit(struct export *e) {
	return put(e, wandb_record_exit(&e->record, ++e->n_records, e->run->exit_code,
			      wandb_runtime_s(span_s(e))));
}

static int put_all(struct export *e) {
	int err = wandb_framing_begin(&e->framing, on_write, e);

	err = err < 0 ? err : put_run(e);
	err = err < 0 ? err : put_rows(e);
	err = err < 0 ? err : put_summary(e);
	return err < 0 || !e->run->has_exit_code ? err : put_exit(e);
}

/* Closes it in any case. */
static int finish_file(struct export *e, int err) {
	if (err == 0 && (fflush(e->file) != 0 || fsync(fileno(e->file)) < 0)) {
		err = -errno;
	}
	if (fclose(e->file) != 0 && err == 0) {
		err = -errno;
	}
	return err;
}

static int write_file(struct export *e, sqlite3 *sql) {
	const struct line_query query = {
		.run = e->run->n,
		.with_ours = e->options->with_ours,
		.after_line = -1,
		.after_step = -1,
		.through_line = e->run->newest_line,
	};
	int err = line_reader_open(sql, &query, &e->lines);

	if (err < 0) {
		return err;
	}
	e->file = fopen(e->unfinished_file, "wxe");
	err = e->file == NULL ? -errno : finish_file(e, put_all(e));
	line_reader_close(e->lines);
	buf_finish(&e->record);
	return err;
}

/* ---- its folder ---- */

/* Ids of ours are made of letters, digits, - and _: a file that says otherwise was made by somebody else. */
static bool is_file_name(const char *id) {
	return id[0] != '\0' && id[0] != '.' && strchr(id, '/') == NULL;
}

static int name_all(struct export *e) {
	const char *id = e->run->id, *folder = e->options->folder;
	double started = e->run->about.started;
	time_t seconds = isfinite(started) ? (time_t)started : 0;
	char stamp[32] = "";
	struct tm local;

	if (!is_file_name(id) || localtime_r(&seconds, &local) == NULL ||
		strftime(stamp, sizeof stamp, "%Y%m%d_%H%M%S", &local) == 0) {
		snprintf(e->words, EXPORT_WORDS_MAX, "the run's id or its beginning is no name");
		return -EINVAL;
	}
	int n = snprintf(e->folder, PATH_MAX, "%s/offline-run-%s-%s", folder, stamp, id);
	int m = snprintf(e->unfinished, PATH_MAX, "%s/.offline-run-%s-%s.%ld", folder, stamp, id,
		(long)getpid());
	if (n < PATH_MAX && m < PATH_MAX) {
		n = snprintf(e->result.path, PATH_MAX, "%s/run-%s.wandb", e->folder, id);
		m = snprintf(e->unfinished_file, PATH_MAX, "%s/run-%s.wandb", e->unfinished, id);
	}
	return n < PATH_MAX && m < PATH_MAX ? 0 : fail(e, -ENAMETOOLONG, "cannot write in", folder);
}

static int fail_there(struct export *e) {
	snprintf(e->words, EXPORT_WORDS_MAX, "%.300s is there already: remove it to export anew",
		e->folder);
	return -EEXIST;
}

static int make_folders(struct export *e) {
	char failed[PATH_MAX];
	int err = paths_make_parent(e->folder, FOLDER_MODE, failed);

	if (err < 0) {
		return fail(e, err, "cannot make", failed);
	}
	if (access(e->folder, F_OK) == 0) {
		return fail_there(e);
	}
	return mkdir(e->unfinished, FOLDER_MODE) < 0 ? fail(e, -errno, "cannot make", e->unfinished)
						     : 0;
}

/* Gives the folder its name: a folder that has come in between is not replaced, since it is not empty. */
static int name_folder(struct export *e) {
	int err = paths_sync_parent(e->unfinished_file);

	if (err == 0 && rename(e->unfinished, e->folder) < 0) {
		err = -errno;
	}
	if (err == -ENOTEMPTY || err == -EEXIST) {
		return fail_there(e);
	}
	return err < 0 ? fail(e, err, "cannot make", e->folder) : 0;
}

static int say_file(struct export *e, int err) {
	if (err == -EINTR) {
		snprintf(e->words, EXPORT_WORDS_MAX, "stopped: nothing was exported");
	} else if (err == -EINVAL) {
		snprintf(e->words, EXPORT_WORDS_MAX,
			"the run's config, tags or summary cannot be understood");
	} else if (e->words[0] == '\0') {
		(void)fail(e, err, "cannot write", e->unfinished_file);
	}
	return err;
}

int export_wandb(sqlite3 *sql, const struct kept_run *run, const struct export_wandb *options,
	struct export_result *ret, char ret_words[EXPORT_WORDS_MAX]) {
	struct export e = {.run = run, .options = options, .words = ret_words};

	ret_words[0] = '\0';
	int err = name_all(&e);
	err = err < 0 ? err : make_folders(&e);
	if (err < 0) {
		return err;
	}
	err = write_file(&e, sql);
	err = err < 0 ? say_file(&e, err) : name_folder(&e);
	if (err < 0) {
		(void)unlink(e.unfinished_file);
		(void)rmdir(e.unfinished);
		return err;
	}
	/* It is there; whether the name would survive a loss of power is not worth calling it failed. */
	(void)paths_sync_parent(e.folder);
	*ret = e.result;
	return 0;
}
