/* What the engine does on its own when it needs memory, at once: for tests. A file apart, because the engine and
 * the tests both have their peers. */
#pragma once

struct engine;

/* The run is in the database alone, and its connections are closed. */
void forget_run(struct engine *e, const char *id);
