#include "alerts.h"

#include <string.h>

#include "document.h"

bool alert_is_known(const json_t *alert) {
	return document_at(alert, "acknowledged") != NULL;
}

size_t alerts_open(const json_t *run) {
	const json_t *alerts = document_at(run, "alerts");
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(alerts); i++) {
		n += !alert_is_known(json_array_get(alerts, i));
	}
	return n;
}

bool alerts_know(const json_t *run, const char *kind) {
	const json_t *alerts = document_at(run, "alerts");

	for (size_t i = 0; i < json_array_size(alerts); i++) {
		const json_t *alert = json_array_get(alerts, i);
		const char *own = document_text(alert, "kind");
		if (own != NULL && strcmp(own, kind) == 0 && alert_is_known(alert)) {
			return true;
		}
	}
	return false;
}
