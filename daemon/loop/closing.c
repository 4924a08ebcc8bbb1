#include "closing.h"

#include <assert.h>
#include <stdlib.h>

void closing_init(struct closing *c, void (*on_closed)(void *user), void *user) {
	*c = (struct closing){.pending = 1, .on_closed = on_closed, .user = user};
}

void closing_init_of(struct closing *c, void *object, void (*on_closed)(void *user), void *user) {
	closing_init(c, on_closed, user);
	c->object = object;
}

void closing_hold(struct closing *c) {
	c->pending++;
}

void closing_release(void *closing) {
	struct closing *c = closing;

	assert(c->pending > 0);
	if (--c->pending == 0) {
		const struct closing last = *c;
		free(last.object);
		last.on_closed(last.user);
	}
}

static void on_handle_closed(uv_handle_t *handle) {
	closing_release(handle->data);
}

void closing_handle(struct closing *c, uv_handle_t *handle) {
	closing_hold(c);
	handle->data = c;
	uv_close(handle, on_handle_closed);
}
