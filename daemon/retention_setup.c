#include "retention_setup.h"

#include "settings.h"

struct retention retention_of_settings(const struct settings *s) {
	return (struct retention){
		.steps_s = s->retention.steps_s,
		.windows_s = s->retention.windows_s,
		.runs_s = s->retention.runs_s,
		.max_db_bytes = s->retention.max_db_bytes,
		.wandb_off = s->wandb.mode == WANDB_MODE_OFF,
	};
}
