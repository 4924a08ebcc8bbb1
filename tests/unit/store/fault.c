#include "fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static atomic_int write_errno, sync_errno;
static atomic_uint hits;
static char sync_suffix[32];

static ssize_t failing_pwrite(int fd, const void *data, size_t len, off_t at) {
	if (write_errno != 0) {
		hits++;
		errno = write_errno;
		return -1;
	}
	return pwrite(fd, data, len, at);
}

void fault_writes(int sys_errno) {
	/* Put in place once and left there, so that no thread ever sees the table change under it. */
	static atomic_flag done = ATOMIC_FLAG_INIT;
	if (!atomic_flag_test_and_set(&done)) {
		sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
		(void)vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)failing_pwrite);
		(void)vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)failing_pwrite);
	}
	write_errno = sys_errno;
}

static int sync_is_faulty(int fd) {
	char link[32], path[512];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t len = readlink(link, path, sizeof path - 1);
	size_t suffix_len = strlen(sync_suffix);
	return len >= (ssize_t)suffix_len &&
	       memcmp(path + len - suffix_len, sync_suffix, suffix_len) == 0;
}

/* In place of libc's, for this program and the libraries it loads. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
__attribute__((visibility("default"))) int fdatasync(int fd) {
	if (sync_errno != 0 && sync_is_faulty(fd)) {
		hits++;
		errno = sync_errno;
		return -1;
	}
	int (*real)(int) = NULL;
	*(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
	return real(fd);
}

void fault_syncs(const char *suffix, int sys_errno) {
	snprintf(sync_suffix, sizeof sync_suffix, "%s", suffix);
	sync_errno = sys_errno;
}

unsigned fault_hits(void) {
	return hits;
}
