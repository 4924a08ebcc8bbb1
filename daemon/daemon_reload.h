/* SIGHUP: what is set is read again, from where it was read at the start. What can change changes at once, for who is connected
 * already, too; what cannot is said by key, and waits for the next start.
 *
 * Read on a thread of libuv's pool, as a disk or a directory (of [user NAME]) may take its time, and taken over on the loop. */
#pragma once

#include <stdbool.h>
#include <uv.h>

#include "buf.h"
#include "settings.h"

struct directory;
struct engine;
struct ledger;

struct daemon_reload {
	struct settings *settings; /* what the daemon goes by */
	const struct settings_options *where;
	struct engine *engine;
	struct ledger *ledger;
	struct directory *directory;
	void (*on_done)(void *user);
	void *user;
	/* Its own. */
	uv_work_t work;
	struct settings fresh;
	struct buf problems; /* a line each */
	int result;
	bool busy, again, ended;
};

/* on_done follows, once for all that were asked for meanwhile. When something is wrong with a file, all stays as it was; either way
 * it was said. */
void daemon_reload(struct daemon_reload *r, uv_loop_t *loop);
/* Nothing is taken over any more; the loop goes on until what is under way is read. */
void daemon_reload_end(struct daemon_reload *r);
