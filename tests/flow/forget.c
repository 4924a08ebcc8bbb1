#include "forget.h"

#include "engine_private.h"

void forget_run(struct engine *e, const char *id) {
	feed_forget(e, feed_of(registry_find(e->registry, id)), NULL);
}
