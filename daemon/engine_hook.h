/* What the administrator's program is told (exec of [alerts]): alerts that begin and end, once they are committed. Inside of the engine. */
#pragma once

struct engine;
struct feed;
struct run_cut;

/* A cut was committed: alerts by rule, losses that are no numbers, and how the run stands. */
void engine_hook_committed(struct engine *e, struct feed *feed, const struct run_cut *cut);
/* Once a second: whether W&B refuses one, or its own key, or the host's. */
void engine_hook_tick(struct engine *e);
/* How often it was run, failed, and was not told; null where there is none. */
struct json_t *engine_hook_report(const struct engine *e);
