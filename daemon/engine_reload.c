/* What may change while the daemon serves. */
#include "engine_private.h"
#include "log.h"

void engine_reload(struct engine *e, const struct engine_changes *c) {
	e->registry_options.rank_grace_ms = c->rank_grace_ms;
	registry_set_rank_grace(e->registry, c->rank_grace_ms);
	if (e->forward != NULL) {
		forward_set_pace(e->forward, &(struct forward_pace){
						     .transmit_ms = c->transmit_ms,
						     .heartbeat_ms = c->heartbeat_ms,
						     .request_timeout_ms = c->request_timeout_ms,
						     .requests_per_s = c->requests_per_s,
					     });
	}
}

void engine_set_alerts(struct engine *e, const struct alert_rules *rules) {
	e->registry_options.alerts = *rules;
	registry_set_alerts(e->registry, rules);
}

void engine_set_hook(struct engine *e, const char *path, uint32_t timeout_ms) {
	if (hook_set(&e->hook, path, timeout_ms) < 0) {
		log_error("exec of [alerts] stays as it was: memory is short");
	}
}
