/* A saved run comes back into memory, with the arrays that the store found for it: what cut.c wrote, the other way round. */
#include "registry.h"

#include <errno.h>

#include "registry_private.h"
#include "run.h"
#include "saved.h"
#include "stream.h"

/* The arrays the state belongs to are gone: what they held is not known from here on. */
static int start_without_arrays(struct run *run) {
	struct position *p = &run->position;
	uint32_t before = p->has_step ? p->step : UINT32_MAX;
	int err = firing_init(&run->firing, run->d_sae, before);

	if (err == 0 && p->has_step) {
		window_forget_counts(&p->window);
		p->exact_from = (uint64_t)p->step + 1 + run->config.dead_window;
		p->known_from = (uint64_t)p->step + 1;
		run->arrays_changed = run->base_changed = true;
		run->dirty = true;
	}
	return err;
}

static int take_arrays(struct run *run, struct run_saved *saved) {
	if (run->d_sae == 0) {
		return 0;
	}
	if (saved->window == NULL || saved->last == NULL || saved->base == NULL ||
		saved->d_sae != run->d_sae) {
		return start_without_arrays(run);
	}
	run->firing = (struct firing){
		.d_sae = run->d_sae,
		.window = saved->window,
		.last = saved->last,
		.base = saved->base,
	};
	saved->window = saved->last = NULL;
	saved->base = NULL;
	return 0;
}

static void put_on_registry(struct registry *r, struct run *run, struct instant now) {
	run_charge(run, run_bytes_needed(run->d_sae, run->world_size));
	run->waiting_since_ms = now.mono_ms;
	run->has_last_ms = run->position.has_step;
	run->last_ms = now.mono_ms;
	assembly_init(&run->assembly, run->d_sae, run->world_size);
	registry_add_run(r, run);
	list_for_each(link, &run->streams) {
		struct stream *s = container_of(link, struct stream, link);
		s->absent_since_ms = now.mono_ms;
		registry_index_stream(r, s);
	}
	run->shown_state = run_state(run, now);
}

int registry_restore(
	struct registry *r, struct run_saved *saved, struct instant now, struct run **ret_run) {
	struct run *run;
	int err = run_unpack(r, saved->small, saved->small_len, &run);
	if (err < 0) {
		return err;
	}
	if (registry_find(r, run->id) != NULL) {
		run_discard(run);
		return -EEXIST;
	}
	err = take_arrays(run, saved);
	if (err < 0) {
		run_discard(run);
		return err;
	}
	put_on_registry(r, run, now);
	*ret_run = run;
	return 0;
}
