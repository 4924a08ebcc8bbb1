#include "doctor_find.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "database_file.h"
#include "document.h"
#include "paths.h"
#include "places.h"

#define ANSWER_MAX_MS 5000u /* who asks is a person */

static void set(char out[PATH_MAX], const char *path) {
	snprintf(out, PATH_MAX, "%s", path);
}

static bool is_there(const char *socket) {
	struct stat st;

	return lstat(socket, &st) == 0 || errno == EACCES;
}

static void find_socket(struct doctor *d, const char *named) {
	char found[PLACES_SOCKET_SIZE];
	struct places_sockets sockets;

	named = named != NULL ? named : paths_socket_override();
	if (named != NULL) {
		set(d->socket, named);
		return;
	}
	if (places_find_daemon(found)) {
		set(d->socket, found);
		return;
	}
	places_find_sockets(&sockets);
	for (size_t i = 0; i < sockets.n; i++) {
		if (is_there(sockets.path[i])) {
			set(d->socket, sockets.path[i]);
			return;
		}
	}
	if (geteuid() == 0) {
		set(d->socket, PLACES_SYSTEM_SOCKET);
	} else {
		places_own_socket(found);
		set(d->socket, found);
	}
}

static void ask(struct doctor *d) {
	uint64_t begun_ns = clock_mono_ns();

	d->answer = ask_status(d->socket, NULL, ANSWER_MAX_MS, &d->status, d->answer_words);
	d->answer_s = (double)(clock_mono_ns() - begun_ns) * 1e-9;
	if (d->answer != ASK_ANSWERED) {
		d->status = NULL;
	}
}

/* The daemon knows; else it follows from whose socket it is. */
static bool is_of_system(const struct doctor *d) {
	const char *scope = document_text(d->status, "daemon.scope");

	return scope != NULL ? strcmp(scope, "system") == 0
			     : geteuid() == 0 || strcmp(d->socket, PLACES_SYSTEM_SOCKET) == 0;
}

static void find_database(struct doctor *d, const char *named) {
	const char *told = document_text(d->status, "daemon.database");
	struct paths paths;

	if (named != NULL || told != NULL) {
		set(d->database, named != NULL ? named : told);
		return;
	}
	if (d->is_system) {
		paths_system(&paths);
		set(d->database, paths.database);
	} else if (!database_default(d->database)) {
		paths_user(&paths);
		set(d->database, paths.database);
	}
}

void doctor_find(struct doctor *d, const struct doctor_subject *subject) {
	find_socket(d, subject->socket);
	ask(d);
	d->is_system = is_of_system(d);
	find_database(d, subject->database);
	const char *told = document_text(d->status, "daemon.database");
	d->keeper = told != NULL && strcmp(told, d->database) == 0
			    ? document_at(d->status, "daemon")
			    : NULL;
}
