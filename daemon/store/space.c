#include "space.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/statvfs.h>

#define ENOUGH_AGAIN_PART 8u

uint64_t space_kept_bytes(const struct space *s) {
	uint64_t part = s->total_bytes / SPACE_KEEP_FREE_PART;
	bool is_preset = s->keep_free_bytes == SPACE_KEEP_FREE_BYTES;
	return is_preset && part < s->keep_free_bytes ? part : s->keep_free_bytes;
}

bool space_judge(struct space *s, uint64_t free_bytes, uint64_t total_bytes) {
	bool was_short = s->is_short;
	s->free_bytes = free_bytes;
	s->total_bytes = total_bytes;
	uint64_t kept = space_kept_bytes(s);
	uint64_t more = was_short ? kept / ENOUGH_AGAIN_PART : 0;
	s->is_short = free_bytes < kept || free_bytes - kept < more;
	return s->is_short != was_short;
}

static bool ask(const char *path, uint64_t *ret_free, uint64_t *ret_total) {
	char copy[PATH_MAX];
	struct statvfs fs;
	snprintf(copy, sizeof copy, "%s", path);
	if (statvfs(dirname(copy), &fs) < 0) {
		return false;
	}
	*ret_free = (uint64_t)fs.f_bavail * fs.f_frsize;
	*ret_total = (uint64_t)fs.f_blocks * fs.f_frsize;
	return true;
}

bool space_look(struct space *s, const char *database) {
	uint64_t free_bytes = 0, total_bytes = 0;
	return ask(database, &free_bytes, &total_bytes) && space_judge(s, free_bytes, total_bytes);
}

int space_for(const struct space *s, const char *path, uint64_t bytes) {
	struct space there = {.keep_free_bytes = s->keep_free_bytes};
	if (!ask(path, &there.free_bytes, &there.total_bytes)) {
		return 0; /* whoever writes it finds out */
	}
	uint64_t kept = space_kept_bytes(&there);
	return there.free_bytes < kept || there.free_bytes - kept < bytes ? -ENOSPC : 0;
}
