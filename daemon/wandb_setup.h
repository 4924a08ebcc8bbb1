/* The forwarder as it is set: settings and the host's key in the forwarder's terms. */
#pragma once

#include "credential.h"
#include "forward.h"
#include "settings.h"

/* All texts are borrowed from `settings` and `credential`. */
void wandb_setup(const struct wandb_settings *settings, const struct credential *credential,
	struct forward_options *ret);
