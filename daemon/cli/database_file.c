#include "database_file.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "paths.h"
#include "places.h"
#include "points.h"
#include "report.h"
#include "schema.h"

#define BUSY_TIMEOUT_MS 2000 /* a checkpoint that restarts the log holds readers up for less */

/* ---- one file ---- */

/* `file:/a%3fb?mode=ro`: the path is taken literally. NULL when memory is short. */
static char *database_uri(const char *path, bool immutable) {
	struct buf uri = {0};
	int err = buf_printf(&uri, "file:");

	for (const char *p = path; *p && err == 0; p++) {
		err = strchr("%?#", *p) ? buf_printf(&uri, "%%%02x", *p) : buf_append(&uri, p, 1);
	}
	if (err == 0) {
		err = buf_printf(&uri, immutable ? "?immutable=1" : "?mode=ro");
	}
	if (err < 0 || !buf_text(&uri)) {
		buf_finish(&uri);
		return NULL;
	}
	return (char *)uri.data; /* malloc'ed */
}

static int open_as(const char *path, bool immutable, sqlite3 **ret) {
	char *uri = database_uri(path, immutable);
	int rc = SQLITE_NOMEM;

	if (uri) {
		rc = sqlite3_open_v2(uri, ret,
			SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
		free(uri);
	}
	if (rc == SQLITE_OK) {
		(void)sqlite3_busy_timeout(*ret, BUSY_TIMEOUT_MS);
		rc = sqlite3_exec(*ret, "SELECT 1 FROM sqlite_schema", NULL, NULL, NULL);
	}
	return rc;
}

/* Whether there is a write-ahead log with something in it. */
static bool has_log(const char *path) {
	struct buf log = {0};
	struct stat st;
	bool has = buf_printf(&log, "%s-wal", path) == 0 && buf_text(&log) &&
		   stat((const char *)log.data, &st) == 0 && st.st_size > 0;

	buf_finish(&log);
	return has;
}

/* Opens for reading. Where the folder cannot be written there is no memory to share with a writer; there
 * is no writer either, and the file is read as it lies. */
static int open_for_reading(const char *path, sqlite3 **ret, char ret_words[DATABASE_WORDS_MAX]) {
	int rc = open_as(path, false, ret);

	/* What is in the file itself is half of a change then. */
	if (*ret != NULL && sqlite3_extended_errcode(*ret) == SQLITE_READONLY_ROLLBACK) {
		return SQLITE_READONLY_ROLLBACK;
	}
	if ((rc & 0xff) != SQLITE_CANTOPEN && (rc & 0xff) != SQLITE_READONLY) {
		return rc;
	}
	(void)sqlite3_close(*ret);
	*ret = NULL;
	rc = open_as(path, true, ret);
	if (rc == SQLITE_OK && has_log(path)) {
		snprintf(ret_words, DATABASE_WORDS_MAX,
			"the folder cannot be written, so what is in its -wal is not shown");
	}
	return rc;
}

static const char *schema_flaw(sqlite3 *sql, enum database_version wanted) {
	int version;

	switch (schema_inspect(sql, &version)) {
	case SCHEMA_CURRENT:
		return NULL;
	case SCHEMA_OLDER:
		return wanted == DATABASE_CURRENT_OLDER
			       ? NULL
			       : "it is of an older sae-metricsd; `serve` brings it up to date";
	case SCHEMA_NEWER:
		return "it is of a newer sae-metricsd";
	default:
		return "it is not a database of sae-metricsd";
	}
}

enum database_result database_open(const char *path, enum database_version version, sqlite3 **ret,
	char ret_words[DATABASE_WORDS_MAX]) {
	struct stat st;
	sqlite3 *sql = NULL;

	ret_words[0] = '\0';
	if (access(path, R_OK) < 0 || stat(path, &st) < 0) {
		snprintf(ret_words, DATABASE_WORDS_MAX, "%s", strerror(errno));
		return DATABASE_UNREADABLE;
	}
	/* A pipe would be waited for. */
	if (!S_ISREG(st.st_mode)) {
		snprintf(ret_words, DATABASE_WORDS_MAX, "it is no file");
		return DATABASE_UNREADABLE;
	}
	int rc = open_for_reading(path, &sql, ret_words);
	const char *flaw = rc == SQLITE_OK       ? schema_flaw(sql, version)
			   : rc == SQLITE_NOTADB ? "it is not a database of sae-metricsd"
			   : rc == SQLITE_READONLY_ROLLBACK
				   ? "an import into it was interrupted: repeat it"
				   : sqlite3_errstr(rc);
	if (flaw) {
		snprintf(ret_words, DATABASE_WORDS_MAX, "%s", flaw);
		(void)sqlite3_close(sql);
		return DATABASE_UNREADABLE;
	}
	*ret = sql;
	return DATABASE_OK;
}

void database_places(char ret[DATABASE_PLACES][PATH_MAX]) {
	struct paths user, system;

	paths_user(&user);
	paths_system(&system);
	memcpy(ret[0], user.database, PATH_MAX);
	paths_local_database(ret[1]);
	if (places_flaw(ret[1]) != NULL) {
		ret[1][0] = '\0';
	}
	memcpy(ret[2], system.database, PATH_MAX);
}

bool database_default(char ret_path[PATH_MAX]) {
	char places[DATABASE_PLACES][PATH_MAX];

	database_places(places);
	for (size_t i = 0; i < DATABASE_PLACES; i++) {
		if (places[i][0] && access(places[i], F_OK) == 0) {
			memcpy(ret_path, places[i], PATH_MAX);
			return true;
		}
	}
	return false;
}

struct viewer database_viewer(const char *path) {
	struct viewer viewer = {.uid = geteuid(), .sees_all = geteuid() == 0};
	struct stat st;

	if (path[0] == '\0' || (stat(path, &st) == 0 && st.st_uid == viewer.uid)) {
		viewer.sees_all = true;
	}
	return viewer;
}

static enum database_result read_report(const char *path, const struct report_query *query,
	json_t **ret_document, char ret_words[DATABASE_WORDS_MAX]) {
	char remark[DATABASE_WORDS_MAX];
	sqlite3 *sql = NULL;

	enum database_result result = database_open(path, DATABASE_CURRENT, &sql, remark);
	if (result != DATABASE_OK) {
		memcpy(ret_words, remark, sizeof(remark));
		return result;
	}
	int outcome = report_build(sql, query, ret_document, ret_words);
	if (outcome == REPORT_OK) {
		memcpy(ret_words, remark, sizeof(remark));
	} else {
		result = outcome == REPORT_NO_SUCH_RUN ? DATABASE_NO_SUCH_RUN : DATABASE_UNREADABLE;
	}
	(void)sqlite3_close(sql);
	return result;
}

enum database_result database_read(const char *path, const char *run_part, json_t **ret_document,
	char ret_words[DATABASE_WORDS_MAX]) {
	const struct report_query query = {.run_part = run_part, .viewer = database_viewer(path)};

	return read_report(path, &query, ret_document, ret_words);
}

enum database_result database_read_fine(const char *path, const char *run_part, unsigned points,
	json_t **ret_document, char ret_words[DATABASE_WORDS_MAX]) {
	const struct report_query query = {
		.run_part = run_part, .points = points, .viewer = database_viewer(path)};

	return read_report(path, &query, ret_document, ret_words);
}

enum database_result database_read_brief(
	const char *path, json_t **ret_document, char ret_words[DATABASE_WORDS_MAX]) {
	const struct report_query query = {.viewer = database_viewer(path), .brief = true};

	return read_report(path, &query, ret_document, ret_words);
}

enum database_result database_read_points(const char *path, const struct points_query *query,
	json_t **ret_document, char ret_words[DATABASE_WORDS_MAX]) {
	struct points_query of_file = *query;
	sqlite3 *sql = NULL;

	enum database_result result = database_open(path, DATABASE_CURRENT, &sql, ret_words);
	if (result != DATABASE_OK) {
		return result;
	}
	char words[DATABASE_WORDS_MAX];
	of_file.viewer = database_viewer(path);
	if (points_build(sql, &of_file, ret_document, words) < 0) {
		memcpy(ret_words, words, sizeof(words));
		result = DATABASE_UNREADABLE;
	}
	(void)sqlite3_close(sql);
	return result;
}
