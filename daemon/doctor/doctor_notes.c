/* What trainers left while no daemon was there, and whether they may. */
#include "doctor.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "document.h"
#include "notes.h"

static void on_note(void *user, const struct note *note) {
	(void)user;
	(void)note;
}

void doctor_look_at_notes(struct doctor *d) {
	char folder[PATH_MAX];

	notes_folder(folder, d->socket);
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
