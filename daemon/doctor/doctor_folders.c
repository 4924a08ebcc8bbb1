/* Who may replace what the daemon keeps and reads. */
#include "doctor.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor_words.h"
#include "paths.h"

static void folder_of(const char *path, char out[PATH_MAX]) {
	char copy[PATH_MAX];

	snprintf(copy, sizeof copy, "%s", path);
	snprintf(out, PATH_MAX, "%s", dirname(copy));
}

/* In a folder like /tmp only a file's owner may remove it, but a folder that is missing is anybody's to make. */
static bool is_open(const struct stat *st) {
	return (st->st_mode & S_IWOTH) != 0 && (st->st_mode & S_ISVTX) == 0;
}

static void judge(struct doctor *d, const char *what, const char *folder) {
	char modes[DOCTOR_MODES_SIZE], advice[DOCTOR_WORDS_MAX];
	struct stat st;

	if (stat(folder, &st) < 0) {
		if (errno != ENOENT) {
			doctor_say(d, FINDING_UNSEEN, NULL, "%s %s: %s", what, folder,
				strerror(errno));
		}
		return; /* it is made when it is needed */
	}
	doctor_modes(&st, modes);
	snprintf(advice, sizeof advice, "`chmod o-w %.400s`", folder);
	if (is_open(&st)) {
		doctor_say(d, FINDING_FAIL, advice, "%s %s  %s: anybody may replace what is in it",
			what, folder, modes);
	} else {
		doctor_say(d, FINDING_OK, NULL, "%s %s  %s", what, folder, modes);
	}
}

/* The login's own, whatever is in it. */
static void judge_runtime_directory(struct doctor *d) {
	const char *folder = getenv("XDG_RUNTIME_DIR");
	struct stat st;

	if (folder == NULL || folder[0] == '\0' || d->is_system) {
		return;
	}
	if (stat(folder, &st) < 0) {
		doctor_say(d, FINDING_WARN,
			"unset it, or log in so that it is there; without it /tmp is used",
			"XDG_RUNTIME_DIR %s: %s", folder, strerror(errno));
	} else if (st.st_uid != geteuid() || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		char modes[DOCTOR_MODES_SIZE];
		doctor_say(d, is_open(&st) ? FINDING_FAIL : FINDING_WARN,
			"it is to be your own, and 0700",
			"XDG_RUNTIME_DIR %s  %s: it is open to others", folder,
			doctor_modes(&st, modes));
	}
}

void doctor_look_at_folders(struct doctor *d) {
	char folder[PATH_MAX];
	struct paths_folders folders;

	judge_runtime_directory(d);
	folder_of(d->socket, folder);
	judge(d, "runtime", folder);
	if (d->database[0] != '\0') {
		folder_of(d->database, folder);
		judge(d, "state", folder);
	}
	if (paths_config_folders(d->is_system, &folders) == 0 && folders.n > 0) {
		judge(d, "configuration", folders.at[0]);
	}
}
