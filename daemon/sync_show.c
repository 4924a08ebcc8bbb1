#include "sync_show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "document.h"
#include "subcommand.h"

bool sync_is_forwarded(const json_t *run) {
	const char *target = document_text(run, "forward.target");
	return target != NULL && strcmp(target, "wandb") == 0;
}

int64_t sync_pending(const json_t *run) {
	double pending = 0;
	return document_number(run, "forward.asked_rows", &pending) ||
			       document_number(run, "forward.pending_rows", &pending)
		       ? (int64_t)pending
		       : 0;
}

static bool is_state(const json_t *run, const char *path, const char *const states[]) {
	const char *state = document_text(run, path);
	size_t i = 0;
	while (state != NULL && states[i] != NULL && strcmp(state, states[i]) != 0) {
		i++;
	}
	return state != NULL && states[i] != NULL;
}

bool sync_is_over(const json_t *run) {
	static const char *const over[] = {
		"finished", "failed", "crashed", "preempted", "stopped", NULL};
	return is_state(run, "state", over);
}

bool sync_is_synced(const json_t *run) {
	static const char *const well[] = {"ok", "behind", "synced", NULL};
	return sync_pending(run) == 0 && !document_true(run, "forward.unanswered") &&
	       is_state(run, "forward.state", sync_is_over(run) ? &well[2] : well);
}

bool sync_is_refused(const json_t *run) {
	static const char *const refused[] = {"refused", NULL};
	return is_state(run, "forward.state", refused) && !document_true(run, "forward.unanswered");
}

static void print_rest(const json_t *run, bool before) {
	int64_t pending = sync_pending(run);

	if (pending == 0) {
		printf("its end %s", before ? "would be sent" : "waits");
	} else {
		printf("%" PRId64 " rows %s", pending, before ? "would be sent" : "wait");
	}
}

static void print_run(const json_t *run, bool before) {
	const char *words = document_text(run, "forward.words");
	const char *state = document_text(run, "forward.state");
	const char *url = document_text(run, "forward.url");
	int64_t pending = sync_pending(run);

	printf("%s  ", document_text(run, "id"));
	if (words != NULL && words[0] != '\0') {
		printf("%s: %s (%" PRId64 " rows wait)", state, words, pending);
	} else if (sync_is_synced(run)) {
		printf("synced%s", sync_is_over(run) ? "" : " so far");
	} else if (document_true(run, "forward.unanswered")) {
		printf("W&B has not answered yet (%" PRId64 " rows wait)", pending);
	} else {
		print_rest(run, before);
	}
	printf("%s%s\n", url != NULL ? "  " : "", url != NULL ? url : "");
}

int sync_print(const json_t *document, bool before) {
	size_t i;
	json_t *run;
	int status = EXIT_OK;
	json_array_foreach(json_object_get(document, "runs"), i, run) {
		if (!sync_is_forwarded(run)) {
			printf("%s  stays local: it was begun without log_to_wandb\n",
				document_text(run, "id"));
			continue;
		}
		print_run(run, before);
		status = sync_is_synced(run) ? status : EXIT_FAILED;
	}
	return before ? EXIT_OK : status;
}

void sync_show_progress(int64_t pending, const char *words) {
	if (isatty(STDERR_FILENO)) {
		fprintf(stderr, "\r\033[K%" PRId64 " rows wait%s%s", pending,
			words[0] != '\0' ? ": " : "", words);
	}
}

void sync_end_progress(void) {
	if (isatty(STDERR_FILENO)) {
		fputs("\r\033[K", stderr);
	}
}
