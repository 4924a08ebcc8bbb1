#include "descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define UID_UNMAPPED 65534u /* what all users look like that a user namespace has no name for */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct descriptor *all;

/* In a program without stdin, stdout or stderr we might be given their numbers, and their
 * output. */
static int above_standard(int fd) {
	if (fd < 0 || fd > STDERR_FILENO) {
		return fd;
	}

	int higher = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	int error = errno;
	close(fd);
	errno = error;
	return higher;
}

static int adopt(struct descriptor *d, int fd) {
	fd = above_standard(fd);
	if (fd < 0) {
		return -errno;
	}

	d->fd = fd;
	d->next = all;
	all = d;
	return 0;
}

int descriptor_open_socket(struct descriptor *d) {
	pthread_mutex_lock(&lock);
	int status = adopt(d, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	pthread_mutex_unlock(&lock);
	return status;
}

int descriptor_open_event(struct descriptor *d) {
	pthread_mutex_lock(&lock);
	int status = adopt(d, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	pthread_mutex_unlock(&lock);
	return status;
}

bool descriptor_peer_is_own_user(const struct descriptor *d) {
	struct ucred peer;
	socklen_t len = sizeof peer;

	return getsockopt(d->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && len == sizeof peer &&
	       peer.uid == geteuid() && peer.uid != UID_UNMAPPED;
}

void descriptor_close(struct descriptor *d) {
	pthread_mutex_lock(&lock);
	if (d->fd >= 0) {
		struct descriptor **link = &all;
		while (*link != d) {
			link = &(*link)->next;
		}
		*link = d->next;
		close(d->fd);
		d->fd = -1;
	}
	pthread_mutex_unlock(&lock);
}

void descriptors_before_fork(void) {
	pthread_mutex_lock(&lock);
}

void descriptors_after_fork_in_parent(void) {
	pthread_mutex_unlock(&lock);
}

void descriptors_after_fork_in_child(void) {
	for (; all != NULL; all = all->next) {
		close(all->fd);
		all->fd = -1;
	}
	pthread_mutex_unlock(&lock);
}
