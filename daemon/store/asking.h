/* Questions of readers, answered beside the disk worker: on another thread, through a connection of their own, so that no commit
 * waits for a report however long it is. One at a time, and users in turns: who asks in a loop waits for himself.
 *
 * Each opens the database anew. That costs less than a report, and nothing is left open in between: no descriptor, no lock,
 * no old state that keeps the log from shrinking, and no file that was replaced meanwhile. */
#pragma once

#include <uv.h>

#include "requests.h"

struct asking_callbacks {
	void (*on_idle)(void *user); /* nothing is being served any longer */
	/* What was asked met damage, and whoever asked was told. */
	void (*on_damage)(void *user);
	/* It found nothing and may have been early: to be asked once more. Takes. */
	void (*on_early)(void *user, struct request *request);
};

struct asking {
	uv_loop_t *loop;
	const char *path; /* borrowed */
	struct asking_callbacks callbacks;
	void *user;
	struct requests requests;
	struct request *serving; /* the worker's */
	uv_work_t work;
	int status;
	uint32_t last_uid; /* who was served last */
};

void asking_init(struct asking *a, uv_loop_t *loop, const char *path,
	const struct asking_callbacks *callbacks, void *user);
void asking_add(struct asking *a, struct request *request); /* takes */
bool asking_busy(const struct asking *a);
