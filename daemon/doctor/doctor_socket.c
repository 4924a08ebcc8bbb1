/* Whether trainers can come in, and if not, whom to ask. */
#include "doctor.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "doctor_words.h"
#include "places.h"

#define GROUPS_MAX 1024

/* A member by the group's list, though maybe not of this session. */
static bool is_listed(gid_t group) {
	const struct passwd *me = getpwuid(geteuid());
	gid_t groups[GROUPS_MAX];
	int n = GROUPS_MAX;

	if (me == NULL || getgrouplist(me->pw_name, me->pw_gid, groups, &n) < 0) {
		return false;
	}
	for (int i = 0; i < n; i++) {
		if (groups[i] == group) {
			return true;
		}
	}
	return false;
}

/* What opens the door that is shut. */
static void advise_entry(const struct stat *st, char out[DOCTOR_WORDS_MAX]) {
	char group[DOCTOR_NAME_SIZE], me[DOCTOR_NAME_SIZE];

	doctor_group_name(st->st_gid, group);
	doctor_user_name(geteuid(), me);
	if ((st->st_mode & S_IWGRP) == 0) {
		snprintf(out, DOCTOR_WORDS_MAX,
			"it is for its owner alone; start one of your own with `sae-metricsd "
			"start`");
	} else if (is_listed(st->st_gid)) {
		snprintf(out, DOCTOR_WORDS_MAX,
			"you are a member of %s since you logged in: log in anew", group);
	} else {
		snprintf(out, DOCTOR_WORDS_MAX,
			"join the group %s: root says `usermod -aG %s %s`, and you log in anew",
			group, group, me);
	}
}

static int try_to_connect(const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof address.sun_path) {
		return -ENAMETOOLONG;
	}
	memcpy(address.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -errno;
	}
	/* EAGAIN: it is there, and has much to do. */
	int err = connect(fd, (const struct sockaddr *)&address, sizeof address) < 0 &&
				  errno != EAGAIN
			  ? -errno
			  : 0;
	(void)close(fd);
	return err;
}

static const char *how_to_start(const struct doctor *d) {
	return d->is_system
		       ? "start it: `systemctl enable --now sae-metricsd.socket`, or `sae-metricsd "
			 "serve`"
		       : "start it: `sae-metricsd start`, or `sae-metricsd serve`";
}

static void say_absent(struct doctor *d, int error) {
	doctor_say(d, FINDING_FAIL,
		error == ENOENT ? how_to_start(d)
				: "ask who owns the folders above it to let you through",
		"%s  %s", d->socket, error == ENOENT ? "there is none" : strerror(error));
}

void doctor_look_at_socket(struct doctor *d) {
	char modes[DOCTOR_MODES_SIZE], advice[DOCTOR_WORDS_MAX];
	const char *flaw = places_flaw(d->socket);
	struct stat st;

	if (lstat(d->socket, &st) < 0) {
		say_absent(d, errno);
		return;
	}
	doctor_modes(&st, modes);
	if (flaw != NULL) {
		doctor_say(d, FINDING_FAIL,
			"remove the folder if it is yours; else name another place in "
			"SAE_METRICS_SOCKET",
			"%s  its folder %s, and nobody uses it", d->socket, flaw);
		return;
	}
	if (!S_ISSOCK(st.st_mode)) {
		doctor_say(d, FINDING_FAIL, "remove it, and start the daemon",
			"%s  %s: it is no socket", d->socket, modes);
		return;
	}
	int err = try_to_connect(d->socket);
	if (err == -EACCES) {
		advise_entry(&st, advice);
		doctor_say(
			d, FINDING_FAIL, advice, "%s  %s: you may not connect", d->socket, modes);
	} else if (err < 0) {
		doctor_say(d, FINDING_FAIL, how_to_start(d), "%s  %s: %s", d->socket, modes,
			err == -ECONNREFUSED ? "nobody listens" : strerror(-err));
	} else if (!d->is_system && st.st_uid == geteuid() &&
		   (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		doctor_say(d, FINDING_WARN, "chmod 600 it, unless that is meant",
			"%s  %s: others may push to your daemon", d->socket, modes);
	} else {
		doctor_say(d, FINDING_OK, NULL, "%s  %s", d->socket, modes);
	}
}
