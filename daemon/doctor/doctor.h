/* `sae-metricsd doctor`: whether all that is needed is there, and what to do where it is not. A check is a line of the table in doctor.c:
 * a topic, and a function that looks and says what it found, one line each. Nothing is changed, made or mended. What cannot be seen is
 * said to be so, and never guessed. */
#pragma once

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ask.h"
#include "credential.h"
#include "settings.h"
#include "account.h"

enum finding_level {
	FINDING_OK = 0,
	FINDING_UNSEEN, /* for who asks, or from here */
	FINDING_WARN,
	FINDING_FAIL
};

struct doctor {
	/* What was asked for; NULL: the usual. */
	const char *config;

	/* Who is asked about: found before the first check. */
	char socket[PATH_MAX], database[PATH_MAX];
	bool is_system; /* the host's daemon, not a user's */
	enum ask_result answer;
	char answer_words[ASK_WORDS_MAX];
	double answer_s;
	json_t *status;       /* its document; NULL: it did not answer */
	const json_t *keeper; /* what it says of itself, if this database is its own; else NULL */

	/* What is set: by the check of that, for those behind it. */
	bool has_settings;
	struct settings settings;
	struct credential credential;

	/* W&B's answer, likewise. */
	bool has_account;
	struct account account;

	const char *topic; /* of the check that looks */
	json_t *findings;
};

/* Something was found. `advice` (NULL: none is needed) says what to do, or to know. */
void doctor_say(struct doctor *d, enum finding_level level, const char *advice, const char *format,
	...) __attribute__((format(printf, 4, 5)));

/* The process of the daemon, or of its who asks where it is not known. */
pid_t doctor_daemon_pid(const struct doctor *d);

struct doctor_check {
	const char *topic;
	void (*look)(struct doctor *d);
};

void doctor_look_at_socket(struct doctor *d);
void doctor_look_at_daemon(struct doctor *d);
void doctor_look_at_folders(struct doctor *d);
void doctor_look_at_database(struct doctor *d);
void doctor_look_at_disk(struct doctor *d);
void doctor_look_at_notes(struct doctor *d);
void doctor_look_at_config(struct doctor *d);
void doctor_look_at_wandb(struct doctor *d);
void doctor_look_at_clock(struct doctor *d);
void doctor_look_at_limits(struct doctor *d);
void doctor_look_at_systemd(struct doctor *d);
