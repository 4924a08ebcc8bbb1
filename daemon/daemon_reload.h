/* SIGHUP: what is set is read again, from where it was read at the start. What can change changes at once, for who is connected
 * already, too; what cannot is said by key, and waits for the next start. */
#pragma once

struct directory;
struct engine;
struct ledger;
struct settings;
struct settings_options;

struct daemon_reload {
	struct settings *settings; /* what the daemon goes by */
	const struct settings_options *where;
	struct engine *engine;
	struct ledger *ledger;
	struct directory *directory;
};

/* 0, or -errno: something is wrong with a file, which was said, and all stays as it was. */
int daemon_reload(struct daemon_reload *r);
