#include "alerts_setup.h"

#include "settings.h"

struct alert_rules alerts_of_settings(const struct settings *s) {
	return (struct alert_rules){
		.dead_share = s->alerts.dead_share,
		.l0_min = s->alerts.l0_min,
		.l0_max = s->alerts.l0_max,
		.explained_variance_min = s->alerts.explained_variance_min,
		.throughput_share = s->alerts.throughput_share,
		.front = s->alerts.front,
		.keeps_bad_runs = s->alerts.stop == ALERTS_STOP_NONE,
	};
}
