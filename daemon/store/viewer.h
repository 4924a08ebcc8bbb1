/* Who looks at the database's runs: a run that is private is shown to its own user, and to whoever sees all. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct viewer {
	uint32_t uid;
	bool sees_all;
	bool all_private; /* every run counts as private */
};
