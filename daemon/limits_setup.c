#include "limits_setup.h"

#include "descriptors.h"

static void limits_of_user(void *user, uint32_t uid, struct holdings *ret) {
	struct user_limits set;

	settings_user_limits(user, uid, &set);
	*ret = (struct holdings){{
		[HOLDING_CONNECTIONS] = set.connections,
		[HOLDING_RUNS] = set.runs,
		[HOLDING_KEYS] = set.keys,
		[HOLDING_MEMORY] = set.memory_bytes,
		[HOLDING_QUEUED] = set.queued_bytes,
		[HOLDING_DATABASE] = set.database_bytes > 0 ? set.database_bytes : LEDGER_NO_LIMIT,
	}};
}

static struct ledger_limits limits_of(const struct settings *settings) {
	const struct limits_settings *set = &settings->limits;
	uint64_t possible = descriptors_connections(descriptors_raise());

	return (struct ledger_limits){
		.host_connections =
			set->host_connections < possible ? set->host_connections : possible,
		.host_memory = set->host_memory_bytes,
		.of_user = limits_of_user,
		.user = (void *)settings,
	};
}

void limits_setup(struct ledger *ledger, const struct settings *settings) {
	const struct ledger_limits limits = limits_of(settings);
	ledger_init(ledger, &limits);
}

void limits_reload(struct ledger *ledger, const struct settings *settings) {
	const struct ledger_limits limits = limits_of(settings);
	ledger_reload(ledger, &limits);
}
