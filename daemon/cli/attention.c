#include "attention.h"

#include <stdio.h>

#include "document.h"
#include "render.h"

static bool daemon_needs_attention(const json_t *document) {
	static const char *const troubles[] = {"daemon.trouble", "daemon.holding.words",
		"daemon.too_large", "daemon.forward.alert"};
	bool needs = false;

	for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
		const char *words = document_text(document, troubles[i]);
		if (words != NULL) {
			fprintf(stderr, "sae-metricsd status: %s\n", words);
			needs = true;
		}
	}
	return needs;
}

bool attention_is_needed(const json_t *document) {
	const json_t *runs = document_at(document, "runs");

	if (daemon_needs_attention(document)) {
		return true;
	}
	for (size_t i = 0; i < json_array_size(runs); i++) {
		if (run_needs_attention(json_array_get(runs, i))) {
			return true;
		}
	}
	return false;
}
