/* Variables: first those that W&B's own tools know, then SAE_METRICSD_SECTION_KEY. One that is set and empty counts as not
 * set, as with W&B. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "settings_private.h"
#include "text.h"

#define PREFIX        "SAE_METRICSD_"
#define VARIABLE_SIZE 64u

static bool is_set(const char *variable) {
	const char *value = getenv(variable);

	return value != NULL && value[0] != '\0';
}

static void read_variable(struct settings_loading *l, size_t key, const char *variable) {
	settings_set(l, key, getenv(variable), (struct settings_source){.name = variable});
}

static void read_foreign(struct settings_loading *l) {
	const size_t n_variables = sizeof settings_keys[0].variables / sizeof(char *);

	for (size_t i = 0; i < settings_n_keys; i++) {
		for (size_t j = 0; j < n_variables && settings_keys[i].variables[j] != NULL; j++) {
			if (is_set(settings_keys[i].variables[j])) {
				read_variable(l, i, settings_keys[i].variables[j]);
				break;
			}
		}
	}
}

/* SAE_METRICSD_WANDB_MODE */
static void name_of(const struct settings_key *key, char out[VARIABLE_SIZE]) {
	snprintf(out, VARIABLE_SIZE, PREFIX "%s_%s", key->section, key->name);
	for (char *at = out; *at != '\0'; at++) {
		*at = (char)toupper((unsigned char)*at);
	}
}

static void read_own(struct settings_loading *l) {
	char variable[VARIABLE_SIZE];

	for (size_t i = 0; i < settings_n_keys; i++) {
		name_of(&settings_keys[i], variable);
		const char *kept = is_set(variable)
					   ? settings_keep_name(l, &l->settings->names, variable)
					   : NULL;
		if (kept != NULL) {
			read_variable(l, i, kept);
		}
	}
}

/* ---- those that nobody reads ---- */

static bool is_known(struct text name) {
	static const char *const others[] = {
		PREFIX "CONFIG",
		PREFIX "CONFIG_ROOT",
#ifdef SAE_METRICSD_CRASH_POINTS
		PREFIX "CRASH_AT",
#endif
	};
	char variable[VARIABLE_SIZE];

	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		if (text_is(name, others[i])) {
			return true;
		}
	}
	for (size_t i = 0; i < settings_n_keys; i++) {
		name_of(&settings_keys[i], variable);
		if (text_is(name, variable)) {
			return true;
		}
	}
	return false;
}

extern char **environ;

/* A slip of the finger is worth a word; no more, as Kubernetes sets SAE_METRICSD_PORT and the like for a service of this
 * name in every container. */
static void look_for_unknown(struct settings_loading *l) {
	char quote[TEXT_QUOTE_SIZE];

	for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
		struct text name = text_of(*entry, strcspn(*entry, "="));
		if (strncmp(*entry, PREFIX, strlen(PREFIX)) == 0 && !is_known(name)) {
			settings_remark(l,
				"%s: there is nothing of this name to set: `sae-metricsd config` "
				"lists what there is (" PREFIX "SECTION_KEY)",
				text_quote(name, quote));
		}
	}
}

void settings_read_variables(struct settings_loading *l) {
	read_foreign(l);
	read_own(l);
	look_for_unknown(l);
}
