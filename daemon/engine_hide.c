/* The daemon's own counts, as far as its asker may see them. What is counted over all users would tell one of another's runs,
 * also of those that he may not see: once several use the daemon, whoever is no administrator gets what is his own, and what
 * is the host's. While he is the only one all of it is his. */
#include <jansson.h>

#include "clock.h"
#include "engine_private.h"
#include "engine_sum.h"

/* Of the host and its daemon. Everything else is nobody's to see: also what is new in the document, until it stands here. */
static bool is_hosts(const char *key) {
	static const char *const keys[] = {"version", "scope", "reachable", "host", "pid",
		"uptime_s", "socket", "database", "database_bytes", "log_bytes", "log_pinned",
		"free_bytes", "keep_free_bytes", "takes_nothing", "growth_bytes_per_s", "holding",
		"max_db_bytes", "too_large", "trouble", "backup_age_s", "cadence", "commit_s"};

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		if (strcmp(key, keys[i]) == 0) {
			return true;
		}
	}
	return false;
}

static json_int_t own_connections(const struct engine *e, uint32_t uid) {
	json_int_t n = 0;

	list_for_each(link, &e->peers) {
		n += session_uid(container_of(link, struct peer, link)->session) == uid;
	}
	return n;
}

static void give_own(const struct engine *e, uint32_t uid, json_t *daemon) {
	struct engine_sum own = {0};

	if (e->forward != NULL) {
		forward_look_all(e->forward, clock_wall(), &uid, &own.forward);
	}
	json_object_set_new(daemon, "forward", engine_forward_report(e, &own));
	json_object_set_new(daemon, "limits", engine_report_limits_of(e, uid));
	json_object_set_new(daemon, "connections", json_integer(own_connections(e, uid)));
	json_object_set_new(daemon, "bytes",
		json_integer(
			(json_int_t)ledger_held(e->registry_options.ledger, uid, HOLDING_MEMORY)));
}

void engine_hide(const struct engine *e, const struct asker *asker, json_t *daemon) {
	const char *key;
	json_t *value;

	if (asker->is_admin || !engine_is_shared(e, asker->uid)) {
		return;
	}
	json_object_foreach(daemon, key, value) {
		if (!is_hosts(key)) {
			json_object_set_new(daemon, key, json_null());
		}
	}
	give_own(e, asker->uid, daemon);
}
