#include "backup.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "closing.h"
#include "copy_folder.h"
#include "copy_name.h"
#include "database_copy.h"
#include "duration.h"
#include "format.h"
#include "log.h"
#include "paths.h"

#define BUSY_TIMEOUT_MS 2000    /* what begins the log anew holds readers up for less */
#define FOLDER_MODE     0700    /* as the database: its owner's */
#define RETRY_MS        600000u /* what failed is not left until the next day's turn */

struct backup {
	uv_loop_t *loop;
	struct backup_options options;
	uv_timer_t timer;
	uv_work_t work;
	bool busy; /* the worker has what follows */
	char file[PATH_MAX];
	struct database_copied copied;
	int status, prune_status;
	char words[DATABASE_COPY_WORDS_MAX];
	atomic_bool stop; /* told to the worker while it is at it */
	bool is_closing;
	struct closing closing;
};

/* ---- on the worker's thread ---- */

static int open_database(struct backup *b, sqlite3 **ret) {
	int rc = sqlite3_open_v2(
		b->options.database, ret, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc != SQLITE_OK) {
		snprintf(b->words, sizeof b->words, "the database cannot be read: %s",
			sqlite3_errstr(rc));
		return -EIO;
	}
	(void)sqlite3_busy_timeout(*ret, BUSY_TIMEOUT_MS);
	return 0;
}

static void on_work(uv_work_t *work) {
	struct backup *b = work->data;
	const struct database_copy copy = {
		.to = b->file, .stop = &b->stop, .keep_free_bytes = b->options.keep_free_bytes};
	sqlite3 *sql = NULL;

	b->prune_status = 0;
	b->status = open_database(b, &sql);
	if (b->status == 0) {
		b->status = database_copy(sql, &copy, &b->copied, b->words);
	}
	(void)sqlite3_close(sql);
	/* Only what was replaced by something newer is removed. */
	if (b->status == 0) {
		b->prune_status =
			copy_folder_prune(b->options.folder, b->options.keep, (time_t)clock_wall());
	}
}

/* ---- on the loop ---- */

static uint64_t retry_ms(const struct backup *b) {
	return b->options.every_ms < RETRY_MS ? b->options.every_ms : RETRY_MS;
}

static void log_done(const struct backup *b) {
	char bytes[FORMAT_MAX], retry[DURATION_TEXT_SIZE];

	if (b->status < 0) {
		log_warning("backup to %s failed: %s; tried again in %s", b->options.folder,
			b->words, duration_write(retry, retry_ms(b)));
		return;
	}
	log_info("backup: wrote %s (%s, %" PRId64 " runs)", b->file,
		format_bytes(bytes, (double)b->copied.n_bytes), b->copied.n_runs);
	if (b->prune_status < 0) {
		log_warning("backup: older copies in %s cannot be removed: %s", b->options.folder,
			strerror(-b->prune_status));
	}
}

static void on_timer(uv_timer_t *timer);

/* When it was made; 0: there is none. */
static double newest_copy(const struct backup *b) {
	time_t newest;

	return copy_folder_newest(b->options.folder, &newest) ? (double)newest : 0;
}

static void on_work_done(uv_work_t *work, int uv_status) {
	struct backup *b = work->data;

	(void)uv_status; /* it is never cancelled: it has begun, or ends at once */
	b->busy = false;
	if (b->is_closing) {
		closing_release(&b->closing);
		return;
	}
	if (b->status < 0) {
		(void)uv_timer_start(&b->timer, on_timer, retry_ms(b), b->options.every_ms);
	}
	log_done(b);
	b->options.on_done(b->options.user, b->status < 0 ? b->words : "", newest_copy(b));
}

static void on_timer(uv_timer_t *timer) {
	struct backup *b = timer->data;
	char name[COPY_NAME_SIZE];

	if (b->busy) {
		return; /* a copy takes longer than the interval: the next turn */
	}
	int n = snprintf(b->file, sizeof b->file, "%s/%s", b->options.folder,
		copy_name_write(name, (time_t)clock_wall()));
	if (n >= (int)sizeof b->file) {
		return; /* backup_open has seen to that */
	}
	b->work.data = b;
	b->busy = uv_queue_work(b->loop, &b->work, on_work, on_work_done) == 0;
}

static uint64_t first_after_ms(const struct backup_options *options, double newest) {
	double age_ms = (clock_wall() - newest) * 1000;
	if (age_ms < 0) {
		return options->every_ms; /* the clock was put back */
	}
	return age_ms >= (double)options->every_ms ? 0 : options->every_ms - (uint64_t)age_ms;
}

/* 0 when copies can be made in it, which may have to be made itself. */
static int prepare_folder(struct backup *b) {
	const char *folder = b->options.folder;
	char failed[PATH_MAX];
	struct stat st;
	int n = snprintf(b->file, sizeof b->file, "%s/%*s", folder, (int)COPY_NAME_SIZE, "");

	if (n >= (int)sizeof b->file) {
		return -ENAMETOOLONG;
	}
	int err = paths_make_parent(b->file, FOLDER_MODE, failed);
	if (err < 0 || stat(folder, &st) < 0) {
		return err < 0 ? err : -errno;
	}
	if (!S_ISDIR(st.st_mode)) {
		return -ENOTDIR;
	}
	return access(folder, W_OK | X_OK) < 0 ? -errno : 0;
}

int backup_open(uv_loop_t *loop, const struct backup_options *options, struct backup **ret,
	char ret_words[256]) {
	struct backup *b = calloc(1, sizeof *b);
	int err = b == NULL ? -ENOMEM : 0;

	if (err == 0) {
		b->options = *options;
		err = prepare_folder(b);
	}
	if (err < 0) {
		snprintf(ret_words, 256, "backups cannot be made in %.150s: %s", options->folder,
			strerror(-err));
		free(b);
		return err;
	}
	b->loop = loop;
	atomic_init(&b->stop, false);
	(void)uv_timer_init(loop, &b->timer);
	b->timer.data = b;
	double newest = newest_copy(b);
	(void)uv_timer_start(
		&b->timer, on_timer, first_after_ms(options, newest), options->every_ms);
	options->on_done(options->user, "", newest);
	*ret = b;
	return 0;
}

void backup_close(struct backup *b, void (*on_closed)(void *user), void *user) {
	if (b == NULL) {
		on_closed(user);
		return;
	}
	b->is_closing = true;
	atomic_store(&b->stop, true);
	closing_init_of(&b->closing, b, on_closed, user);
	closing_handle(&b->closing, (uv_handle_t *)&b->timer);
	if (b->busy) {
		closing_hold(&b->closing);
	}
	closing_release(&b->closing);
}
