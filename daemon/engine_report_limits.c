/* Who holds how much of what, and may; and how often he was told no: for the status document. */
#include <jansson.h>

#include "engine_private.h"

static json_t *amount(uint64_t value) {
	return value == LEDGER_NO_LIMIT ? json_null() : json_integer((json_int_t)value);
}

static json_t *of_user(const struct holder *h) {
	json_t *user = json_pack("{s:I}", "uid", (json_int_t)h->uid);

	for (int i = 0; i < HOLDING_COUNT; i++) {
		json_object_set_new(user, holding_name((enum holding)i),
			json_pack("{s:o, s:o, s:o}", "held", amount(h->held.of[i]), "limit",
				amount(h->limits.of[i]), "refused", amount(h->refused.of[i])));
	}
	return user;
}

static json_t *of_host(const struct ledger *l) {
	uint64_t memory = l->held.of[HOLDING_MEMORY] + l->held.of[HOLDING_QUEUED];

	return json_pack("{s:{s:o, s:o}, s:{s:o, s:o}}", "connections", "held",
		amount(l->held.of[HOLDING_CONNECTIONS]), "limit",
		amount(l->limits.host_connections), "memory", "held", amount(memory), "limit",
		amount(l->limits.host_memory));
}

json_t *engine_report_limits_of(const struct engine *e, uint32_t uid) {
	json_t *users = json_array();

	list_for_each(link, &e->registry_options.ledger->holders) {
		const struct holder *h = container_of(link, struct holder, link);
		if (h->uid == uid) {
			json_array_append_new(users, of_user(h));
		}
	}
	return json_pack("{s:o}", "users", users);
}

json_t *engine_report_limits(const struct engine *e) {
	const struct ledger *l = e->registry_options.ledger;
	json_t *users = json_array(), *forgotten = json_object();

	list_for_each(link, &l->holders) {
		json_array_append_new(users, of_user(container_of(link, struct holder, link)));
	}
	for (int i = 0; i < HOLDING_COUNT; i++) {
		json_object_set_new(
			forgotten, holding_name((enum holding)i), amount(l->refused.of[i]));
	}
	return json_pack("{s:o, s:o, s:o}", "host", of_host(l), "users", users, "forgotten_refused",
		forgotten);
}
