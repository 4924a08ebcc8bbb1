/* What trainers left while no daemon was there, and whether they may. */
#include "doctor.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor_words.h"
#include "notes.h"

static void on_note(void *user, const struct note *note) {
	(void)user;
	(void)note;
}

/* Who may connect may leave one. */
static void look_at_mode(struct doctor *d, const char *path) {
	char socket_modes[DOCTOR_MODES_SIZE], modes[DOCTOR_MODES_SIZE];
	struct stat socket, folder;

	if (stat(d->socket, &socket) < 0 || stat(path, &folder) < 0 ||
		(notes_folder_mode(socket.st_mode) & ~folder.st_mode & 0022) == 0) {
		return;
	}
	doctor_modes(&socket, socket_modes);
	doctor_modes(&folder, modes);
	doctor_say(d, FINDING_WARN,
		d->is_system
			? "do all that /usr/share/doc/sae-metricsd/examples/open-to-all.conf says"
			: "restart the daemon: it opens the folder",
		"%s  %s: not all who may connect (%s) can leave word when they end while no "
		"daemon is there",
		path, modes, socket_modes);
}

void doctor_look_at_notes(struct doctor *d) {
	char folder[PATH_MAX];

	notes_folder(folder, d->socket);
	look_at_mode(d, folder);
	if (access(folder, R_OK | X_OK) < 0) {
		if (errno != ENOENT) {
			doctor_say(d, FINDING_UNSEEN, NULL, "%s: %s", folder, strerror(errno));
		} else if (d->status != NULL) {
			doctor_say(d, FINDING_WARN, "restart the daemon: it makes the folder",
				"%s is not there: trainers that end while no daemon is there leave "
				"no word",
				folder);
		}
		return;
	}
	unsigned n = notes_each(d->socket, on_note, NULL);
	if (n > 0 && d->status == NULL) {
		doctor_say(d, FINDING_WARN, "start the daemon: it takes them",
			"%u trainers ended while no daemon was there", n);
	} else if (n > 0) {
		doctor_say(d, FINDING_WARN, "restart the daemon: it takes them when it starts",
			"%u notes of trainers wait", n);
	} else {
		doctor_say(d, FINDING_OK, NULL, "none wait");
	}
}
