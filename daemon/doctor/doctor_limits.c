#include "doctor_limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "doctor_words.h"
#include "format.h"

/* A connection a rank, and a few dozen of its own; systemd's preset for a service is 524288. */
#define DESCRIPTORS_MIN 4096u
/* The kernel's preset since 5.4 is 4096; trainers that come all at once wait in line. */
#define BACKLOG_MIN 128u
/* The client asks for so much, so that a step of a million features goes out in one call. */
#define SEND_BUFFER_MIN  212992u
#define MEMORY_FULL_PCT  90u
#define MEMORY_OF_NOBODY (448ull << 20) /* sae-metricsd(8), MEMORY */

/* ---- judged ---- */

uint64_t doctor_memory_wanted(uint64_t host_memory_bytes) {
	uint64_t held = host_memory_bytes + MEMORY_OF_NOBODY;

	return held + held / 4;
}

static void judge_memory(struct doctor *d, const struct system_limits *l) {
	char used[FORMAT_MAX], max[FORMAT_MAX], advice[DOCTOR_WORDS_MAX];

	if (l->memory_bytes == 0 || l->memory_bytes == UINT64_MAX) {
		return;
	}
	format_bytes(used, (double)l->memory_used);
	format_bytes(max, (double)l->memory_bytes);
	if (l->memory_bytes < l->memory_wanted) {
		snprintf(advice, sizeof advice,
			"MemoryMax=%" PRIu64 "M of the service, or a lower host_memory of [limits]",
			(l->memory_wanted + (1u << 20) - 1) >> 20);
		doctor_say(d, FINDING_WARN, advice,
			"memory: it may have %s, and takes more in before it says no", max);
		return;
	}
	bool full = l->memory_used > l->memory_bytes / 100 * MEMORY_FULL_PCT;
	doctor_say(d, full ? FINDING_WARN : FINDING_OK,
		full ? "raise MemoryMax= by the formula in sae-metricsd(8), or lower "
		       "host_memory of "
		       "[limits]"
		     : NULL,
		"memory %s of %s", used, max);
}

void doctor_judge_limits(struct doctor *d, const struct system_limits *l) {
	const char *whose = l->of_daemon ? "" : " (of this shell: no daemon is to be seen)";

	if (l->descriptors > 0 && l->descriptors < DESCRIPTORS_MIN) {
		doctor_say(d, FINDING_WARN,
			l->of_daemon
				? "LimitNOFILE= of the service, or `ulimit -Hn` where it is started"
				: "`ulimit -Hn` where it is started",
			"RLIMIT_NOFILE %" PRIu64 "%s: so many ranks, at most, can be connected",
			l->descriptors, whose);
	}
	if (l->backlog > 0 && l->backlog < BACKLOG_MIN) {
		doctor_say(d, FINDING_WARN, "sysctl -w net.core.somaxconn=4096",
			"net.core.somaxconn %" PRIu64 ": trainers that come at once are put off",
			l->backlog);
	}
	if (l->send_buffer > 0 && l->send_buffer < SEND_BUFFER_MIN) {
		doctor_say(d, FINDING_WARN, "sysctl -w net.core.wmem_max=4194304",
			"net.core.wmem_max %" PRIu64 ": steps of large SAEs go out in small pieces",
			l->send_buffer);
	}
	if (l->descriptors >= DESCRIPTORS_MIN) {
		doctor_say(d, FINDING_OK, NULL,
			"RLIMIT_NOFILE %" PRIu64 "%s, net.core.somaxconn %" PRIu64
			", net.core.wmem_max %" PRIu64,
			l->descriptors, whose, l->backlog, l->send_buffer);
	}
	judge_memory(d, l);
}

/* ---- looked at ---- */

static uint64_t read_number(const char *path) {
	char text[64] = "";
	FILE *f = fopen(path, "re");

	if (f == NULL) {
		return 0;
	}
	if (fgets(text, sizeof text, f) == NULL) {
		text[0] = '\0';
	}
	(void)fclose(f);
	return strncmp(text, "max", 3) == 0 ? UINT64_MAX : strtoull(text, NULL, 10);
}

/* Anybody may read it of any process. */
static uint64_t hard_descriptors(pid_t pid) {
	char path[64], line[256];
	unsigned long long soft, hard = 0;

	snprintf(path, sizeof path, "/proc/%d/limits", (int)pid);
	FILE *f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof line, f) != NULL) {
		if (sscanf(line, "Max open files %llu %llu", &soft, &hard) == 2) {
			break;
		}
	}
	if (f != NULL) {
		(void)fclose(f);
	}
	return hard;
}

static uint64_t read_anonymous(const char *path) {
	unsigned long long bytes = 0;
	FILE *f = fopen(path, "re");

	if (f != NULL) {
		if (fscanf(f, "anon %llu", &bytes) != 1) {
			bytes = 0;
		}
		(void)fclose(f);
	}
	return bytes;
}

/* The one hierarchy of today; the older one's is not looked for. */
static void read_cgroup(pid_t pid, struct system_limits *l) {
	char path[PATH_MAX], line[PATH_MAX], file[PATH_MAX + 64];

	snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
	FILE *f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof line, f) != NULL) {
		if (strncmp(line, "0::", 3) == 0) {
			line[strcspn(line, "\n")] = '\0';
			snprintf(file, sizeof file, "/sys/fs/cgroup%s/memory.max", line + 3);
			l->memory_bytes = read_number(file);
			snprintf(file, sizeof file, "/sys/fs/cgroup%s/memory.stat", line + 3);
			l->memory_used = read_anonymous(file);
		}
	}
	if (f != NULL) {
		(void)fclose(f);
	}
}

void doctor_look_at_limits(struct doctor *d) {
	pid_t pid = doctor_daemon_pid(d);
	struct system_limits limits = {
		.descriptors = hard_descriptors(pid),
		.backlog = read_number("/proc/sys/net/core/somaxconn"),
		.send_buffer = read_number("/proc/sys/net/core/wmem_max"),
		.of_daemon = d->status != NULL,
		.memory_wanted =
			d->has_settings ? doctor_memory_wanted(d->settings.limits.host_memory_bytes)
					: 0,
	};

	if (d->status != NULL) {
		read_cgroup(pid, &limits);
	}
	doctor_judge_limits(d, &limits);
}
