#include "location.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "paths.h"

#define FUSE_MAGIC 0x65735546u

#define LINKS_MAX 40 /* as the kernel follows */

static const struct {
	uint64_t f_type;
	const char *name;
} network_types[] = {
	{0x00006969, "NFS"},
	{0x0000517b, "SMB"},
	{0xfe534d42, "SMB"},
	{0xff534d42, "CIFS"},
	{0x01021997, "9p"},
	{0x00c36400, "Ceph"},
	{0x0bd00bd0, "Lustre"},
	{0x19830326, "BeeGFS"},
	{0x47504653, "GPFS"},
	{0x5346414f, "AFS"},
	{0x6b414653, "AFS"},
	{0x73757245, "Coda"},
	{0x7461636f, "OCFS2"},
	{0xaad7aaea, "PanFS"},
};

/* FUSE serves local file systems too: only those of this list are refused. */
static const char *const network_fuse_types[] = {
	"fuse.sshfs",
	"fuse.glusterfs",
	"fuse.ceph-fuse",
	"fuse.juicefs",
	"fuse.s3fs",
	"fuse.goofys",
	"fuse.rclone",
	"fuse.gcsfuse",
	"fuse.mfs",
	"fuse.lizardfs",
	"fuse.davfs2",
	"fuse.curlftpfs",
	"fuse.cvmfs2",
	"fuse.seaweedfs",
	"fuse.moosefs",
};

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

const char *location_network_name(uint64_t f_type, const char *fuse_type) {
	uint64_t type = f_type & 0xffffffffu; /* sign-extended on some machines */
	for (size_t i = 0; i < ARRAY_LEN(network_types); i++) {
		if (network_types[i].f_type == type) {
			return network_types[i].name;
		}
	}
	for (size_t i = 0;
		type == FUSE_MAGIC && fuse_type != NULL && i < ARRAY_LEN(network_fuse_types); i++) {
		if (strcmp(fuse_type, network_fuse_types[i]) == 0) {
			return network_fuse_types[i] + strlen("fuse.");
		}
	}
	return NULL;
}

static const char *directory_of(const char *path, char out[PATH_MAX]) {
	snprintf(out, PATH_MAX, "%s", path);
	return dirname(out);
}

/* The type of the mount a device belongs to; "" when there is none to be found. */
static void mount_type(dev_t device, char out[64]) {
	out[0] = '\0';
	FILE *f = fopen("/proc/self/mountinfo", "re");
	if (f == NULL) {
		return;
	}
	char *line = NULL;
	size_t cap = 0;
	while (out[0] == '\0' && getline(&line, &cap, f) > 0) {
		unsigned major_n, minor_n;
		const char *dash = strstr(line, " - ");
		if (dash != NULL && sscanf(line, "%*d %*d %u:%u", &major_n, &minor_n) == 2 &&
			makedev(major_n, minor_n) == device) {
			(void)sscanf(dash, " - %63s", out);
		}
	}
	free(line);
	(void)fclose(f);
}

static int say_errno(const char *path, int sys_errno, char ret_words[LOCATION_WORDS_MAX]) {
	snprintf(ret_words, LOCATION_WORDS_MAX, "%.190s: %s", path, strerror(sys_errno));
	return -sys_errno;
}

/* What a link says, seen from where it stands; NULL: it is none, or memory is short. */
static char *link_target(const char *path) {
	char target[PATH_MAX], directory[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof target);
	if (len < 0 || (size_t)len >= sizeof target) {
		return NULL;
	}
	target[len] = '\0';
	if (target[0] == '/') {
		return strdup(target);
	}
	char *joined = NULL;
	return asprintf(&joined, "%s/%s", directory_of(path, directory), target) < 0 ? NULL
										     : joined;
}

char *location_resolve(const char *database) {
	char *path = realpath(database, NULL);
	if (path != NULL) {
		return path;
	}
	/* There is no such file yet: realpath does not say where a link to it leads. */
	path = strdup(database);
	for (int n = 0; path != NULL && n < LINKS_MAX; n++) {
		char *target = link_target(path);
		if (target == NULL) {
			break;
		}
		free(path);
		path = target;
	}
	return path;
}

int location_check(const char *database, char ret_words[LOCATION_WORDS_MAX]) {
	char path[PATH_MAX];
	const char *directory = directory_of(database, path);
	struct statfs fs;
	struct stat st;
	if (statfs(directory, &fs) < 0 || stat(directory, &st) < 0) {
		return say_errno(directory, errno, ret_words);
	}

	char fuse_type[64] = "";
	if (((uint64_t)fs.f_type & 0xffffffffu) == FUSE_MAGIC) {
		mount_type(st.st_dev, fuse_type);
	}
	const char *name = location_network_name((uint64_t)fs.f_type, fuse_type);
	if (name == NULL) {
		return 0;
	}
	snprintf(ret_words, LOCATION_WORDS_MAX,
		"%s is on a network file system (%s), where SQLite's write-ahead log cannot work: "
		"put the database on a disk of this machine",
		directory, name);
	return -EREMOTE;
}

/* Who holds it, as he wrote it into the file himself. */
static long read_pid(int fd) {
	char text[32];
	ssize_t len = pread(fd, text, sizeof text - 1, 0);
	if (len <= 0) {
		return 0;
	}
	text[len] = '\0';
	return strtol(text, NULL, 10);
}

static int write_pid(int fd) {
	char text[32];
	int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
	return ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)len, 0) == len ? 0 : -errno;
}

static int say_busy(const char *database, int fd, char ret_words[LOCATION_WORDS_MAX]) {
	long pid = read_pid(fd);
	char who[48] = "";
	if (pid > 0) {
		snprintf(who, sizeof who, " (pid %ld)", pid);
	}
	snprintf(ret_words, LOCATION_WORDS_MAX,
		"another sae-metricsd%s has %s open: stop it, or use another database", who,
		database);
	return -EBUSY;
}

int location_lock(const char *database, int *ret_fd, char ret_words[LOCATION_WORDS_MAX]) {
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s.lock", database);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		return say_errno(path, errno, ret_words);
	}

	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		int err = errno == EAGAIN || errno == EACCES ? say_busy(database, fd, ret_words)
							     : say_errno(path, errno, ret_words);
		(void)close(fd);
		return err;
	}
	/* The pid is for people; without room for it the lock holds all the same. */
	(void)write_pid(fd);
	*ret_fd = fd;
	return 0;
}

bool location_holds_lock(const char *database, int fd) {
	char path[PATH_MAX];
	struct stat held, there;
	snprintf(path, sizeof path, "%s.lock", database);
	return fstat(fd, &held) == 0 && lstat(path, &there) == 0 && held.st_dev == there.st_dev &&
	       held.st_ino == there.st_ino;
}

int location_create(const char *database) {
	int fd = open(database, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		return errno == EEXIST ? 0 : -errno;
	}
	(void)close(fd);
	return paths_sync_parent(database);
}

/* SQLite's header: the magic at 0, the application's id big-endian at 68. */
static bool header_says_ours(const char *database, uint32_t application_id) {
	static const char magic[] = "SQLite format 3"; /* with its '\0' */
	uint8_t header[72] = {0};
	int fd = open(database, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return false;
	}
	ssize_t len = pread(fd, header, sizeof header, 0);
	(void)close(fd);
	uint32_t id = (uint32_t)header[68] << 24 | (uint32_t)header[69] << 16 |
		      (uint32_t)header[70] << 8 | header[71];
	return len == (ssize_t)sizeof header && memcmp(header, magic, sizeof magic) == 0 &&
	       id == application_id;
}

bool location_looks_ours(const char *database, uint32_t application_id) {
	char path[PATH_MAX];
	struct stat st;
	snprintf(path, sizeof path, "%s-state", database);
	return header_says_ours(database, application_id) ||
	       (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

bool location_is_same(const char *database, const struct stat *opened) {
	struct stat st;
	return stat(database, &st) == 0 && st.st_dev == opened->st_dev &&
	       st.st_ino == opened->st_ino;
}
