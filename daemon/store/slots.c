#include "slots.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checksum.h"
#include "crash.h"
#include "slot_file.h"

#define SLOT_MAGIC      0x31544f4c534d4153u /* "SAMSLOT1" on a little-endian machine */
#define SLOT_NAME_MAX   (RUN_ID_MAX + 32u)
#define SLOT_HEADER_LEN 4096 /* a page: the arrays start on one */

/* Says what a file is, for whoever finds it without its database. */
struct slot_header {
	uint64_t magic;
	uint32_t kind, d_sae;
	uint64_t generation, checksum;
	char run_id[RUN_ID_MAX + 1];
};

union slot_page {
	struct slot_header header;
	uint8_t bytes[SLOT_HEADER_LEN];
};

static const char *const kind_names[] = {[SLOT_HOT] = "hot", [SLOT_BASE] = "base"};

static int close_with(int fd, int err) {
	(void)close(fd);
	return err;
}

static size_t arrays_len(const struct slot_arrays *arrays) {
	size_t len = 0;
	for (int i = 0; i < arrays->count; i++) {
		len += arrays->parts[i].iov_len;
	}
	return len;
}

static uint64_t arrays_checksum(const struct slot_arrays *arrays) {
	uint64_t sum = 0;
	for (int i = 0; i < arrays->count; i++) {
		sum = checksum(arrays->parts[i].iov_base, arrays->parts[i].iov_len, sum);
	}
	return sum;
}

/* Drops what was transferred from the front of the list. */
static void advance(struct iovec **parts, int *count, size_t done) {
	while (*count > 0 && done >= (*parts)->iov_len) {
		done -= (*parts)->iov_len;
		(*parts)++;
		(*count)--;
	}
	if (*count > 0) {
		(*parts)->iov_base = (uint8_t *)(*parts)->iov_base + done;
		(*parts)->iov_len -= done;
	}
}

/* preadv or pwritev until all is done. -ENODATA at an early end. */
static int transfer(int fd, struct iovec *parts, int count, bool writing) {
	off_t at = 0;
	advance(&parts, &count, 0);
	while (count > 0) {
		ssize_t n = writing ? pwritev(fd, parts, count, at) : preadv(fd, parts, count, at);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return n < 0 ? -errno : -ENODATA;
		}
		at += n;
		advance(&parts, &count, (size_t)n);
	}
	return 0;
}

static int transfer_slot(
	int fd, union slot_page *page, const struct slot_arrays *arrays, bool writing) {
	struct iovec parts[3] = {{page, sizeof *page}};
	memcpy(parts + 1, arrays->parts, (size_t)arrays->count * sizeof parts[0]);
	return transfer(fd, parts, 1 + arrays->count, writing);
}

static void slot_name(
	char out[SLOT_NAME_MAX], const char *run_id, enum slot_kind kind, uint32_t slot) {
	snprintf(out, SLOT_NAME_MAX, "%.*s.%s.%u", (int)RUN_ID_MAX, run_id, kind_names[kind], slot);
}

int slots_write(const struct slots *s, const char *run_id, enum slot_kind kind,
	const struct slot_ref *named, uint32_t d_sae, const struct slot_arrays *arrays,
	struct slot_ref *ret) {
	CRASH_POINT("before-slot-write");
	struct slot_ref ref = {
		.slot = named->generation == 0 ? 0 : 1 - named->slot,
		.generation = named->generation + 1,
		.checksum = arrays_checksum(arrays),
	};
	union slot_page page = {.bytes = {0}};
	page.header = (struct slot_header){
		.magic = SLOT_MAGIC,
		.kind = kind,
		.d_sae = d_sae,
		.generation = ref.generation,
		.checksum = ref.checksum,
	};
	snprintf(page.header.run_id, sizeof page.header.run_id, "%s", run_id);

	char name[SLOT_NAME_MAX];
	slot_name(name, run_id, kind, ref.slot);
	int fd = slot_file_open(s, name, sizeof page + arrays_len(arrays));
	if (fd < 0) {
		return fd;
	}
	int err = transfer_slot(fd, &page, arrays, true);
	CRASH_POINT("after-slot-write");
	if (err == 0 && fdatasync(fd) < 0) {
		err = -errno;
	}
	CRASH_POINT("after-slot-fsync");
	if (err == 0) {
		*ret = ref;
	}
	return close_with(fd, err);
}

static bool is_named(const struct slot_header *h, const char *run_id, enum slot_kind kind,
	const struct slot_ref *named, uint32_t d_sae) {
	return h->magic == SLOT_MAGIC && h->kind == kind && h->d_sae == d_sae &&
	       h->generation == named->generation && h->checksum == named->checksum &&
	       strncmp(h->run_id, run_id, sizeof h->run_id) == 0;
}

int slots_read(const struct slots *s, const char *run_id, enum slot_kind kind,
	const struct slot_ref *named, uint32_t d_sae, const struct slot_arrays *arrays) {
	char name[SLOT_NAME_MAX];
	slot_name(name, run_id, kind, named->slot);
	int fd = openat(s->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		return -errno;
	}
	union slot_page page;
	int err = transfer_slot(fd, &page, arrays, false);
	if (err == -ENODATA) {
		err = -ENOENT;
	}
	if (err == 0 && (!is_named(&page.header, run_id, kind, named, d_sae) ||
				arrays_checksum(arrays) != named->checksum)) {
		err = -ENOENT;
	}
	return close_with(fd, err);
}

void slots_remove_run(const struct slots *s, const char *run_id) {
	for (unsigned i = 0; i < 4; i++) {
		char name[SLOT_NAME_MAX];
		slot_name(name, run_id, i < 2 ? SLOT_HOT : SLOT_BASE, i % 2);
		(void)unlinkat(s->dir_fd, name, 0);
	}
}

static void mark_name(char out[SLOT_NAME_MAX], const char *run_id, int64_t n) {
	snprintf(out, SLOT_NAME_MAX, "%.*s.mark.%" PRId64, (int)RUN_ID_MAX, run_id, n);
}

int slots_write_mark(
	const struct slots *s, const char *run_id, int64_t n, const uint8_t *state, size_t len) {
	char name[SLOT_NAME_MAX];
	mark_name(name, run_id, n);
	/* What a kill before the commit left under this name is nobody's. */
	(void)unlinkat(s->dir_fd, name, 0);
	int fd = slot_file_open(s, name, len);
	if (fd < 0) {
		return fd;
	}
	struct iovec part = {(void *)(uintptr_t)state, len};
	int err = transfer(fd, &part, 1, true);
	if (err == 0 && fdatasync(fd) < 0) {
		err = -errno;
	}
	return close_with(fd, err);
}

int slots_read_mark(const struct slots *s, const char *run_id, int64_t n, size_t len, uint64_t sum,
	uint8_t **ret) {
	char name[SLOT_NAME_MAX];
	mark_name(name, run_id, n);
	int fd = openat(s->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		return -errno;
	}
	uint8_t *state = malloc(len > 0 ? len : 1);
	if (state == NULL) {
		return close_with(fd, -ENOMEM);
	}
	struct iovec part = {state, len};
	int err = transfer(fd, &part, 1, false);
	if (err == -ENODATA || (err == 0 && checksum(state, len, 0) != sum)) {
		err = -ENOENT;
	}
	if (err == 0) {
		*ret = state;
	} else {
		free(state);
	}
	return close_with(fd, err);
}

void slots_remove_mark(const struct slots *s, const char *run_id, int64_t n) {
	char name[SLOT_NAME_MAX];
	mark_name(name, run_id, n);
	(void)unlinkat(s->dir_fd, name, 0);
}

/* `RUN.mark.N` → RUN in place, N. */
static bool mark_parse(char *name, int64_t *ret_n) {
	char *dot = strstr(name, ".mark.");
	if (dot == NULL || dot[6] < '0' || dot[6] > '9') {
		return false;
	}
	*dot = '\0';
	*ret_n = strtoll(dot + 6, NULL, 10);
	return true;
}

void slots_sweep_marks(const struct slots *s,
	int (*named)(void *user, const char *run_id, int64_t n), void *user) {
	int fd = openat(s->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		if (fd >= 0) {
			(void)close(fd);
		}
		return;
	}
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		char run_id[NAME_MAX + 1];
		int64_t n;
		snprintf(run_id, sizeof run_id, "%s", entry->d_name);
		if (mark_parse(run_id, &n) && named(user, run_id, n) == 0) {
			(void)unlinkat(s->dir_fd, entry->d_name, 0);
		}
	}
	(void)closedir(dir);
}

struct epoch_file {
	uint8_t db_id[DB_ID_SIZE];
	int64_t epoch;
};

int slots_note_epoch(
	const struct slots *s, const uint8_t db_id[DB_ID_SIZE], int64_t epoch, bool *ret_behind) {
	struct epoch_file seen = {0};
	int fd = slot_file_open(s, "epoch", sizeof seen);
	if (fd < 0) {
		return fd;
	}
	int err = transfer(fd, &(struct iovec){&seen, sizeof seen}, 1, false);
	/* Each start has an epoch of its own: one that was seen before is from a copy, too. */
	bool behind = memcmp(seen.db_id, db_id, sizeof seen.db_id) == 0 && seen.epoch >= epoch;
	if (err == 0 && !behind) {
		memcpy(seen.db_id, db_id, sizeof seen.db_id);
		seen.epoch = epoch;
		err = transfer(fd, &(struct iovec){&seen, sizeof seen}, 1, true);
	}
	if (err == 0 && fdatasync(fd) < 0) {
		err = -errno;
	}
	if (err == 0) {
		*ret_behind = behind;
	}
	return close_with(fd, err);
}
