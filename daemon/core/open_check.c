/* What an OPEN is refused for: what it says of itself, and what it says against what is known of its run. Changes nothing. */
#include "open_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "attempt.h"
#include "json_members.h"
#include "run.h"
#include "stream.h"
#include "text.h"

#define BUSY_RETRY_MS 1000u /* the older launch's sockets are drained in less */

bool opening_refuse(const struct opening *in, enum refusal_code code, const char *format, ...) {
	struct refusal *r = in->refusal;
	va_list args;

	*r = (struct refusal){.code = code};
	va_start(args, format);
	(void)vsnprintf(r->words, sizeof r->words, format, args);
	va_end(args);
	return false;
}

static bool refuse_for_now(const struct opening *in, enum refusal_code code, const char *words) {
	(void)opening_refuse(in, code, "%s", words);
	in->refusal->has_retry = true;
	in->refusal->retry_after_ms = BUSY_RETRY_MS;
	return false;
}

/* ---- what the message says of itself: its ranges are decode's ---- */

bool opening_check_meaning(struct opening *in) {
	const struct msg_open *o = in->open;
	char quote[TEXT_QUOTE_SIZE];

	in->profile = profile_find(o->profile);
	if (in->profile == NULL) {
		return opening_refuse(in, REFUSE_BAD_FIELD, "there is no profile \"%s\"",
			text_quote(o->profile, quote));
	}
	if (o->config.data != NULL && !json_is_object(o->config)) {
		return opening_refuse(in, REFUSE_BAD_FIELD, "config is not a JSON object");
	}
	return true;
}

/* ---- what it says against what is known ---- */

static bool check_resume(const struct opening *in) {
	const struct text resume = in->open->resume;
	bool existed = in->run != NULL && (!in->same_launch || in->run->resumed);

	if (text_is(resume, "never") && existed) {
		return opening_refuse(
			in, REFUSE_RESUME, "run %s exists, and resume is never", in->run->id);
	}
	if (text_is(resume, "must") && !existed && !in->same_launch) {
		return opening_refuse(in, REFUSE_RESUME, "there is no run %.*s to resume",
			(int)in->open->run.len, in->open->run.data);
	}
	return true;
}

static bool check_mismatch(const struct opening *in) {
	const struct msg_open *o = in->open;
	const struct run *run = in->run;
	const struct run_config *c = &run->config;

	const struct {
		const char *name;
		uint64_t is, was;
	} of_launch[] = {
		{"world_size", o->world_size, run->world_size},
		{"wandb_log_frequency", o->wandb_log_frequency, c->log_every},
		{"feature_sampling_window", o->feature_sampling_window, c->window_steps},
		{"dead_feature_window", o->dead_feature_window, c->dead_window},
	};

	if (o->d_sae != run->d_sae) {
		return opening_refuse(in, REFUSE_MISMATCH, "d_sae is %u, and run %s has %u",
			o->d_sae, run->id, run->d_sae);
	}
	if (!in->same_launch) {
		return true;
	}
	for (size_t i = 0; i < sizeof of_launch / sizeof of_launch[0]; i++) {
		if (of_launch[i].is != of_launch[i].was) {
			return opening_refuse(in, REFUSE_MISMATCH,
				"%s is %llu, and this launch's other ranks gave %llu",
				of_launch[i].name, (unsigned long long)of_launch[i].is,
				(unsigned long long)of_launch[i].was);
		}
	}
	if (in->profile != c->profile) {
		return opening_refuse(in, REFUSE_MISMATCH,
			"the profile is %s, and this launch's other ranks gave %s",
			in->profile->name, c->profile->name);
	}
	return true;
}

/* Every name without a meaning keeps its place in the run for good. */
static bool check_scalars(const struct opening *in) {
	const struct extras *extras = &in->run->extras;
	uint32_t n_new = 0;

	for (uint32_t i = 0; i < in->open->n_scalars; i++) {
		struct text name = in->open->scalars[i];
		n_new += scalar_find(name) < 0 && extras_find(extras, name) < 0;
	}
	if (extras->count + n_new > SCALARS_MAX) {
		return opening_refuse(in, REFUSE_BAD_FIELD,
			"with these scalars the run would have %u names of its own, and may have "
			"%u",
			extras->count + n_new, SCALARS_MAX);
	}
	return true;
}

static bool has_live_streams(const struct run *run) {
	list_for_each(link, &run->streams) {
		if (container_of(link, struct stream, link)->connected) {
			return true;
		}
	}
	return false;
}

static bool check_launch(const struct opening *in) {
	const struct run *run = in->run;
	const struct stream *s = in->stream;

	if (in->same_launch) {
		const struct stream *other = run->ranks[in->open->rank];
		if (other != NULL && other != s && other->connected) {
			return opening_refuse(in, REFUSE_RANK_TAKEN,
				"another stream of this launch is rank %u of run %s", other->rank,
				run->id);
		}
		return true;
	}
	/* Its last ACK may have been lost; nothing more can come of it. */
	if (s != NULL && s->finished) {
		return true;
	}
	if (s != NULL || launch_is_over(run, in->open->launch)) {
		return opening_refuse(
			in, REFUSE_RUN_BUSY, "run %s was taken over by a later launch", run->id);
	}
	if (has_live_streams(run)) {
		return refuse_for_now(in, REFUSE_RUN_BUSY,
			"an older launch of this run still has a live connection");
	}
	return true;
}

/* First of all: whoever may not append to it learns nothing else of it. */
static bool check_owner(const struct opening *in) {
	const struct run *run = in->run, *other = in->stream != NULL ? in->stream->run : NULL;

	if (in->peer->is_admin) {
		return true;
	}
	if (run != NULL && run->uid != in->peer->uid) {
		return opening_refuse(
			in, REFUSE_NOT_PERMITTED, "run %s belongs to another user", run->id);
	}
	if (other != NULL && other->uid != in->peer->uid) {
		return opening_refuse(
			in, REFUSE_NOT_PERMITTED, "this stream belongs to another user");
	}
	return true;
}

bool opening_check_run(const struct opening *in) {
	const struct run *run = in->run;

	if (!check_owner(in)) {
		return false;
	}
	if (in->stream != NULL && in->stream->run != run) {
		return opening_refuse(
			in, REFUSE_BAD_FIELD, "this stream belongs to run %s", in->stream->run->id);
	}
	if (run == NULL) {
		return check_resume(in);
	}
	if (run->broken) {
		return refuse_for_now(in, REFUSE_STORAGE, "memory is short");
	}
	if (in->stream != NULL && (in->stream->rank != in->open->rank ||
					  strlen(in->stream->launch) != in->open->launch.len ||
					  memcmp(in->stream->launch, in->open->launch.data,
						  in->open->launch.len) != 0)) {
		return opening_refuse(in, REFUSE_BAD_FIELD,
			"this stream was rank %u of another launch", in->stream->rank);
	}
	return check_resume(in) && check_mismatch(in) && check_scalars(in) && check_launch(in);
}
