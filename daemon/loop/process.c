#include "process.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

struct process {
	struct list link; /* processes.buckets[] */
	struct list watches;
	struct processes *all;
	pid_t pid;
	int pidfd;
	uv_poll_t poll;
};

static struct list *bucket_of(struct processes *p, pid_t pid) {
	return &p->buckets[(uint32_t)pid % PROCESS_BUCKETS];
}

void processes_init(struct processes *p, uv_loop_t *loop, uint32_t max) {
	*p = (struct processes){.loop = loop, .max = max};
	for (uint32_t i = 0; i < PROCESS_BUCKETS; i++) {
		list_init(&p->buckets[i]);
	}
}

static void on_poll_closed(uv_handle_t *handle) {
	struct process *process = container_of(handle, struct process, poll);
	struct closing *closing = process->all->closing;

	process->all->n_open--;
	close(process->pidfd);
	free(process);
	if (closing != NULL) {
		closing_release(closing);
	}
}

/* Off the table at once; its memory goes one turn of the loop later. */
static void process_close(struct process *process) {
	list_remove(&process->link);
	uv_close((uv_handle_t *)&process->poll, on_poll_closed);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
	struct process *process = container_of(poll, struct process, poll);
	(void)status;
	(void)events;

	process_close(process);
	for (struct list *link; (link = list_take_first(&process->watches)) != NULL;) {
		struct process_watch *w = container_of(link, struct process_watch, link);
		w->on_ended(w);
	}
}

static bool has_ended(int pidfd) {
	struct pollfd readable = {.fd = pidfd, .events = POLLIN};
	return poll(&readable, 1, 0) > 0;
}

/* One that has ended, and whose number may be another's by now, is never found. */
static struct process *find(struct processes *p, pid_t pid) {
	list_for_each(link, bucket_of(p, pid)) {
		struct process *process = container_of(link, struct process, link);
		if (process->pid == pid && !has_ended(process->pidfd)) {
			return process;
		}
	}
	return NULL;
}

static int process_open(struct processes *p, pid_t pid, struct process **ret) {
	if (p->max > 0 && p->n_open >= p->max) {
		return -EMFILE;
	}
	struct process *process = calloc(1, sizeof *process);
	if (process == NULL) {
		return -ENOMEM;
	}
	list_init(&process->watches);
	process->all = p;
	process->pid = pid;
	process->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int err = process->pidfd < 0 ? -errno : 0;
	if (err == 0 && has_ended(process->pidfd)) {
		err = -ESRCH; /* a zombie */
	}
	if (err == 0) {
		err = uv_poll_init(p->loop, &process->poll, process->pidfd);
	}
	if (err < 0) {
		if (process->pidfd >= 0) {
			close(process->pidfd);
		}
		free(process);
		return err;
	}

	p->n_open++;
	list_append(bucket_of(p, pid), &process->link);
	(void)uv_poll_start(&process->poll, UV_READABLE, on_readable);
	*ret = process;
	return 0;
}

int process_watch(struct processes *p, pid_t pid, struct process_watch *w) {
	assert(!list_linked(&w->link) && p->closing == NULL);

	struct process *process = find(p, pid);
	if (process == NULL) {
		int err = process_open(p, pid, &process);
		if (err < 0) {
			return err;
		}
	}
	list_append(&process->watches, &w->link);
	return 0;
}

void process_unwatch(struct process_watch *w) {
	if (!list_linked(&w->link)) {
		return;
	}
	/* The last one out: what remains on the list is its head alone. */
	struct list *head = w->link.next;
	list_remove(&w->link);
	if (!list_empty(head)) {
		return;
	}
	struct process *process = container_of(head, struct process, watches);
	if (list_linked(&process->link)) {
		process_close(process);
	}
}

void processes_close(struct processes *p, struct closing *closing) {
	p->closing = closing;
	for (uint32_t i = 0; i < PROCESS_BUCKETS; i++) {
		assert(list_empty(&p->buckets[i]));
	}
	for (uint32_t i = 0; i < p->n_open; i++) {
		closing_hold(closing);
	}
}

/* The 22nd word of /proc/PID/stat: ticks since boot. The second is the program's name in parentheses,
 * which may hold anything. */
static bool read_start_ticks(pid_t pid, unsigned long long *ret) {
	char path[64], line[1024];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		return false;
	}
	size_t len = fread(line, 1, sizeof line - 1, file);
	(void)fclose(file);
	line[len] = '\0';

	char *word = strrchr(line, ')');
	for (int i = 2; i < 22 && word != NULL; i++) {
		word = strchr(word + 1, ' ');
	}
	return word != NULL && sscanf(word, "%llu", ret) == 1;
}

double process_began(pid_t pid) {
	unsigned long long ticks;
	struct timespec since_boot;

	if (pid <= 0 || !read_start_ticks(pid, &ticks) ||
		clock_gettime(CLOCK_BOOTTIME, &since_boot) < 0) {
		return 0;
	}
	double up = (double)since_boot.tv_sec + (double)since_boot.tv_nsec * 1e-9;
	return clock_wall() - up + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}
