#include "copy_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy_name.h"

/* Nobody writes a copy for so long without touching it. */
#define ABANDONED_S 86400

static int is_copy(const struct dirent *entry) {
	time_t when;

	return copy_name_read(entry->d_name, &when);
}

/* As database_copy calls what is not whole yet. */
static int is_partial(const struct dirent *entry) {
	static const char mark[] = ".partial-";
	char name[COPY_NAME_SIZE];
	const char *at = strstr(entry->d_name, mark);
	size_t len = at == NULL ? 0 : (size_t)(at - entry->d_name);
	time_t when;

	if (at == NULL || len >= sizeof name) {
		return 0;
	}
	memcpy(name, entry->d_name, len);
	name[len] = '\0';
	return copy_name_read(name, &when);
}

/* The names' order is that of the times in them. Below 0: -errno. */
static int list(const char *folder, int (*wanted)(const struct dirent *), struct dirent ***ret) {
	int n = scandir(folder, ret, wanted, alphasort);

	return n < 0 ? -errno : n;
}

static void list_free(struct dirent **entries, int n) {
	for (int i = 0; i < n; i++) {
		free(entries[i]);
	}
	if (n >= 0) {
		free(entries);
	}
}

bool copy_folder_newest(const char *folder, time_t *ret) {
	struct dirent **entries = NULL;
	int n = list(folder, is_copy, &entries);
	bool found = n > 0 && copy_name_read(entries[n - 1]->d_name, ret);

	list_free(entries, n);
	return found;
}

static int remove_copies(const char *folder, int dir, unsigned keep) {
	struct dirent **entries = NULL;
	int n = list(folder, is_copy, &entries), err = n < 0 ? n : 0;

	for (int i = 0; i + (int)keep < n; i++) {
		if (unlinkat(dir, entries[i]->d_name, 0) < 0 && errno != ENOENT) {
			err = -errno;
		}
	}
	list_free(entries, n);
	return err;
}

static int remove_abandoned(const char *folder, int dir, time_t now) {
	struct dirent **entries = NULL;
	int n = list(folder, is_partial, &entries), err = n < 0 ? n : 0;

	for (int i = 0; i < n; i++) {
		struct stat st;
		if (fstatat(dir, entries[i]->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			now - st.st_mtime > ABANDONED_S &&
			unlinkat(dir, entries[i]->d_name, 0) < 0 && errno != ENOENT) {
			err = -errno;
		}
	}
	list_free(entries, n);
	return err;
}

int copy_folder_prune(const char *folder, unsigned keep, time_t now) {
	int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0) {
		return -errno;
	}
	int err = remove_copies(folder, dir, keep);
	int other = remove_abandoned(folder, dir, now);
	(void)close(dir);
	return err < 0 ? err : other;
}
