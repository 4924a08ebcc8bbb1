#include "home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "location.h"
#include "paths.h"
#include "places.h"

#define FOLDER_MODE     0755
#define FOLDER_MODE_OWN 0700

static int set(char out[PATH_MAX], const char *path) {
	return snprintf(out, PATH_MAX, "%s", path) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Makes the folder first and judges it then: what is ours by then stays ours. */
static int make_folder(const char *path, bool is_system, char words[HOME_WORDS_MAX]) {
	char folder[PATH_MAX];
	int err = paths_make_parent(path, is_system ? FOLDER_MODE : FOLDER_MODE_OWN, folder);
	const char *flaw = err == 0 ? places_flaw(path) : NULL;

	if (err < 0) {
		snprintf(words, HOME_WORDS_MAX, "cannot make the directory %.200s: %s", folder,
			strerror(-err));
	} else if (flaw != NULL) {
		err = -EPERM;
		snprintf(words, HOME_WORDS_MAX,
			"the folder of %.200s %s, and is not used; name another place", path, flaw);
	}
	return err;
}

static int find_socket(struct home *h) {
	const char *named = paths_socket_override();

	if (named == NULL && !h->is_system) {
		places_own_socket(h->socket);
		return 0;
	}
	return set(h->socket, named != NULL ? named : PLACES_SYSTEM_SOCKET);
}

/* Why a user's database cannot be there; "" when it can. */
static void judge_place(const char *database, char why[HOME_WORDS_MAX]) {
	char folder[PATH_MAX], remote[LOCATION_WORDS_MAX];

	why[0] = '\0';
	if (database[0] == '\0') {
		snprintf(why, HOME_WORDS_MAX, "neither XDG_STATE_HOME nor HOME is set");
		return;
	}
	int err = paths_make_parent(database, FOLDER_MODE_OWN, folder);
	if (err < 0) {
		snprintf(why, HOME_WORDS_MAX, "%.200s: %s", folder, strerror(-err));
		return;
	}
	set(folder, database);
	*strrchr(folder, '/') = '\0';
	if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) < 0) {
		snprintf(why, HOME_WORDS_MAX, "%.200s: %s", folder, strerror(errno));
	} else if (location_check(database, remote) < 0) {
		snprintf(why, HOME_WORDS_MAX, "%s", remote);
	}
}

static int find_database(struct home *h) {
	struct paths paths;
	char why[HOME_WORDS_MAX];

	if (h->is_system) {
		paths_system(&paths);
		return set(h->database, paths.database);
	}
	paths_user(&paths);
	judge_place(paths.database, why);
	if (why[0] == '\0') {
		return set(h->database, paths.database);
	}
	paths_local_database(h->database);
	snprintf(h->remark, sizeof h->remark,
		"the database is %.100s, because of the usual place: %.360s", h->database, why);
	return 0;
}

int home_find(const char *socket, const char *database, bool is_system, struct home *ret,
	char ret_words[HOME_WORDS_MAX]) {
	struct home h = {.is_system = is_system || geteuid() == 0};

	int err = socket != NULL ? set(h.socket, socket) : find_socket(&h);
	if (err == 0) {
		err = database != NULL ? set(h.database, database) : find_database(&h);
	}
	if (err < 0) {
		snprintf(ret_words, HOME_WORDS_MAX, "a path is too long");
		return err;
	}
	err = make_folder(h.socket, h.is_system, ret_words);
	if (err == 0) {
		err = make_folder(h.database, h.is_system, ret_words);
	}
	if (err == 0) {
		*ret = h;
	}
	return err;
}
