#include "doctor_words.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>

char *doctor_user_name(uid_t uid, char out[DOCTOR_NAME_SIZE]) {
	const struct passwd *user = getpwuid(uid);

	if (user != NULL) {
		snprintf(out, DOCTOR_NAME_SIZE, "%s", user->pw_name);
	} else {
		snprintf(out, DOCTOR_NAME_SIZE, "%u", (unsigned)uid);
	}
	return out;
}

char *doctor_group_name(gid_t gid, char out[DOCTOR_NAME_SIZE]) {
	const struct group *group = getgrgid(gid);

	if (group != NULL) {
		snprintf(out, DOCTOR_NAME_SIZE, "%s", group->gr_name);
	} else {
		snprintf(out, DOCTOR_NAME_SIZE, "%u", (unsigned)gid);
	}
	return out;
}

static const char *type_of(mode_t mode) {
	return S_ISSOCK(mode) ? "s" : S_ISDIR(mode) ? "d" : S_ISLNK(mode) ? "l" : "-";
}

char *doctor_modes(const struct stat *st, char out[DOCTOR_MODES_SIZE]) {
	static const char letters[] = "rwxrwxrwx";
	char user[DOCTOR_NAME_SIZE], group[DOCTOR_NAME_SIZE], modes[11];

	snprintf(modes, sizeof modes, "%s---------", type_of(st->st_mode));
	for (int i = 0; i < 9; i++) {
		if ((st->st_mode >> (8 - i) & 1) != 0) {
			modes[i + 1] = letters[i];
		}
	}
	if ((st->st_mode & S_ISVTX) != 0) {
		modes[9] = (st->st_mode & S_IXOTH) != 0 ? 't' : 'T';
	}
	snprintf(out, DOCTOR_MODES_SIZE, "%s %s:%s", modes, doctor_user_name(st->st_uid, user),
		doctor_group_name(st->st_gid, group));
	return out;
}
