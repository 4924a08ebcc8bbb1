/* Loaded before a daemon: the N-th call of a kind on files of one folder fails as it is told to. What SQLite and the daemon
 * themselves call goes through here, below everything that either of them believes.
 *
 * Told by a file of `struct control` that the test maps, too ($SAE_METRICS_FAULTS), so that a daemon that runs can be hurt
 * and healed; the folder is $SAE_METRICS_FAULTS_FOLDER. */
#undef _FILE_OFFSET_BITS /* both of pwrite and pwrite64 are to be had */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
	KIND_WRITE = 1,
	KIND_RESERVE = 2,
	KIND_SYNC = 4,
	KIND_TRUNCATE = 8,
	KIND_OPEN = 16,
	KIND_MAP = 32,
	KIND_RENAME = 64,
	KIND_READ = 128,
};

struct fault {                    /* disk_faults.py has the same */
	_Atomic uint32_t kinds;   /* 0: none */
	_Atomic uint32_t at;      /* the N-th call from now, counted from 1 */
	_Atomic uint32_t lasting; /* and all that follow */
	_Atomic uint32_t number;  /* errno */
	_Atomic uint32_t torn;    /* half of what is written is */
	_Atomic uint32_t count, fired;
};

#define FAULTS 2
#define FDS    65536

static struct fault *faults;
static const char *folder;
static _Atomic uint8_t watched[FDS];

#define REAL(name) ((__typeof__(&(name)))(uintptr_t)dlsym(RTLD_NEXT, #name))

static void prepare(void) {
	const char *path = getenv("SAE_METRICS_FAULTS");
	folder = getenv("SAE_METRICS_FAULTS_FOLDER");
	int fd = path == NULL || folder == NULL ? -1 : REAL(open)(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		return;
	}
	void *map = REAL(mmap)(
		NULL, sizeof(struct fault) * FAULTS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	faults = map == MAP_FAILED ? NULL : map;
}

/* Opens come before this library's constructor. */
static bool ready(void) {
	static _Atomic bool done;
	if (!atomic_exchange(&done, true)) {
		prepare();
	}
	return faults != NULL;
}

static bool is_watched(int fd) {
	return fd >= 0 && fd < FDS && watched[fd] != 0;
}

/* Whether this call fails; *ret_torn: only its second half does. */
static bool fails(enum kind kind, bool *ret_torn) {
	for (int i = 0; ready() && i < FAULTS; i++) {
		struct fault *f = &faults[i];
		if ((f->kinds & kind) == 0) {
			continue;
		}
		uint32_t n = atomic_fetch_add(&f->count, 1) + 1;
		if (n == f->at || (f->lasting && n > f->at)) {
			f->fired++;
			*ret_torn = f->torn != 0 && n == f->at;
			errno = (int)f->number;
			return true;
		}
	}
	return false;
}

static bool fails_whole(enum kind kind) {
	bool torn = false;
	return fails(kind, &torn);
}

#define EXPORT __attribute__((visibility("default")))

/* The C library names no parameters of its own, and types are no macro arguments that could be in parentheses. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name,bugprone-macro-parentheses) */

/* ---- opening ---- */

static bool is_in_folder(int dir_fd, const char *path) {
	if (!ready() || path == NULL) {
		return false;
	}
	return path[0] == '/' ? strncmp(path, folder, strlen(folder)) == 0 : is_watched(dir_fd);
}

static int watch(int fd, bool in_folder) {
	if (fd >= 0 && fd < FDS) {
		watched[fd] = in_folder;
	}
	return fd;
}

#define HAS_MODE(flags) (((flags) & (O_CREAT | __O_TMPFILE)) != 0)

#define OPEN(name)                                                                                 \
	EXPORT int name(const char *path, int flags, ...) {                                        \
		va_list args;                                                                      \
		va_start(args, flags);                                                             \
		mode_t mode = HAS_MODE(flags) ? va_arg(args, mode_t) : 0;                          \
		va_end(args);                                                                      \
		bool here = is_in_folder(-1, path);                                                \
		return here && fails_whole(KIND_OPEN)                                              \
			       ? -1                                                                \
			       : watch(REAL(name)(path, flags, mode), here);                       \
	}
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                               \
	EXPORT int name(int dir_fd, const char *path, int flags, ...) {                            \
		va_list args;                                                                      \
		va_start(args, flags);                                                             \
		mode_t mode = HAS_MODE(flags) ? va_arg(args, mode_t) : 0;                          \
		va_end(args);                                                                      \
		bool here = is_in_folder(dir_fd, path);                                            \
		return here && fails_whole(KIND_OPEN)                                              \
			       ? -1                                                                \
			       : watch(REAL(name)(dir_fd, path, flags, mode), here);               \
	}
OPENAT(openat)
OPENAT(openat64)

EXPORT int close(int fd) {
	(void)watch(fd, false);
	return REAL(close)(fd);
}

EXPORT int rename(const char *from, const char *to) {
	return is_in_folder(-1, from) && fails_whole(KIND_RENAME) ? -1 : REAL(rename)(from, to);
}

/* ---- writing ---- */

#define PWRITE(name, offset)                                                                       \
	EXPORT ssize_t name(int fd, const void *data, size_t len, offset at) {                     \
		bool torn = false;                                                                 \
		if (is_watched(fd) && fails(KIND_WRITE, &torn)) {                                  \
			int number = errno;                                                        \
			if (torn) {                                                                \
				(void)!REAL(name)(fd, data, len / 2, at);                          \
			}                                                                          \
			errno = number;                                                            \
			return -1;                                                                 \
		}                                                                                  \
		return REAL(name)(fd, data, len, at);                                              \
	}
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

EXPORT ssize_t write(int fd, const void *data, size_t len) {
	return is_watched(fd) && fails_whole(KIND_WRITE) ? -1 : REAL(write)(fd, data, len);
}

/* Torn: as much as the first part is written, and the rest not at all. */
#define PWRITEV(name, offset)                                                                      \
	EXPORT ssize_t name(int fd, const struct iovec *parts, int n, offset at) {                 \
		bool torn = false;                                                                 \
		if (is_watched(fd) && fails(KIND_WRITE, &torn)) {                                  \
			int number = errno;                                                        \
			if (torn) {                                                                \
				(void)!REAL(name)(fd, parts, 1, at);                               \
			}                                                                          \
			errno = number;                                                            \
			return -1;                                                                 \
		}                                                                                  \
		return REAL(name)(fd, parts, n, at);                                               \
	}
PWRITEV(pwritev, off_t)
PWRITEV(pwritev64, off64_t)

#define RESERVE(name, offset)                                                                      \
	EXPORT int name(int fd, offset at, offset len) {                                           \
		return is_watched(fd) && fails_whole(KIND_RESERVE) ? errno                         \
								   : REAL(name)(fd, at, len);      \
	}
RESERVE(posix_fallocate, off_t)
RESERVE(posix_fallocate64, off64_t)

#define SYNC(name)                                                                                 \
	EXPORT int name(int fd) {                                                                  \
		return is_watched(fd) && fails_whole(KIND_SYNC) ? -1 : REAL(name)(fd);             \
	}
SYNC(fsync)
SYNC(fdatasync)

#define TRUNCATE(name, offset)                                                                     \
	EXPORT int name(int fd, offset len) {                                                      \
		return is_watched(fd) && fails_whole(KIND_TRUNCATE) ? -1 : REAL(name)(fd, len);    \
	}
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define MAP(name, offset)                                                                          \
	EXPORT void *name(void *to, size_t len, int access, int flags, int fd, offset at) {        \
		return is_watched(fd) && fails_whole(KIND_MAP)                                     \
			       ? MAP_FAILED                                                        \
			       : REAL(name)(to, len, access, flags, fd, at);                       \
	}
MAP(mmap, off_t)
MAP(mmap64, off64_t)

/* ---- reading ---- */

#define PREAD(name, offset)                                                                        \
	EXPORT ssize_t name(int fd, void *data, size_t len, offset at) {                           \
		return is_watched(fd) && fails_whole(KIND_READ) ? -1                               \
								: REAL(name)(fd, data, len, at);   \
	}
PREAD(pread, off_t)
PREAD(pread64, off64_t)

/* NOLINTEND(readability-inconsistent-declaration-parameter-name,bugprone-macro-parentheses) */
