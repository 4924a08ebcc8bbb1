/* Questions of readers, answered beside the disk worker: on a thread and through a connection of their own, so that no commit
 * waits for a report however long it is. One at a time, and users in turns: who asks in a loop waits for himself.
 *
 * The thread begins with the first question. On whichever of libuv's pool is free, each of those would keep a heap as large as the
 * largest report; where the pool's threads share one, a report waits for a commit's hold of it.
 *
 * Each opens the database anew. That costs less than a report, and nothing is left open in between: no descriptor, no lock,
 * no old state that keeps the log from shrinking, and no file that was replaced meanwhile. */
#pragma once

#include <stdatomic.h>
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
	struct request *serving; /* the thread's from `wanted` to `served` */
	atomic_int status; /* of its serving. What the thread wrote before it, who reads it sees */
	bool has_thread, ending;
	uv_thread_t thread;
	uv_sem_t wanted;
	uv_async_t served;
	uint32_t last_uid; /* who was served last */
	void (*on_closed)(void *user);
};

void asking_init(struct asking *a, uv_loop_t *loop, const char *path,
	const struct asking_callbacks *callbacks, void *user);
void asking_add(struct asking *a, struct request *request); /* takes */
bool asking_busy(const struct asking *a);
/* While nothing is being served, and nothing waits. */
void asking_close(struct asking *a, void (*on_closed)(void *user));
