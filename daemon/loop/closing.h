/* Waits until a group of things is gone. libuv closes a handle one turn of the loop later, so
 * whatever owns handles dies in two phases: it begins all its closings, and ends in on_closed. */
#pragma once

#include <stdint.h>
#include <uv.h>

struct closing {
	uint32_t pending;
	void (*on_closed)(void *user);
	void *user;
	void *object; /* freed before that */
};

/* Held once; release it when everything to be waited for has been begun. */
void closing_init(struct closing *c, void (*on_closed)(void *user), void *user);
/* The same, of an object that is freed then, before on_closed is called; it may hold the closing. */
void closing_init_of(struct closing *c, void *object, void (*on_closed)(void *user), void *user);
/* One more thing to wait for. */
void closing_hold(struct closing *c);
/* One thing is gone; the last one calls on_closed, which may free `c`. Fits other objects' on_closed. */
void closing_release(void *closing);
/* uv_close, waited for. Takes over handle->data. */
void closing_handle(struct closing *c, uv_handle_t *handle);
