#include "json_part.h"

#include <math.h>

json_t *json_part_number(double value) {
	return isfinite(value) ? json_real(value)
			       : json_string(isnan(value) ? "NaN"
					     : value > 0  ? "Infinity"
							  : "-Infinity");
}

json_t *json_part_value(const json_t *value) {
	return value ? json_incref((json_t *)value) : json_null();
}

json_t *json_part_member(const json_t *object, const char *name) {
	return json_part_value(json_object_get(object, name));
}

json_t *json_part_members(const json_t *object, const char *const *names) {
	json_t *out = json_object();

	for (; *names != NULL; names++) {
		(void)json_object_set_new(out, *names, json_part_member(object, *names));
	}
	return out;
}
