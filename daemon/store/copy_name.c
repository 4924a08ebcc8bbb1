#include "copy_name.h"

#include <string.h>

static const char form[] = "metrics-%Y%m%dT%H%M%SZ.db";

const char *copy_name_write(char out[COPY_NAME_SIZE], time_t when) {
	struct tm utc;

	if (gmtime_r(&when, &utc) == NULL || strftime(out, COPY_NAME_SIZE, form, &utc) == 0) {
		memcpy(out, "metrics-.db", sizeof "metrics-.db"); /* after the year 9999 */
	}
	return out;
}

bool copy_name_read(const char *name, time_t *ret_when) {
	struct tm utc = {0};
	char again[COPY_NAME_SIZE];
	const char *end = strptime(name, form, &utc);

	if (end == NULL || *end != '\0') {
		return false;
	}
	time_t when = timegm(&utc);
	/* strptime takes more than strftime writes: blanks, missing zeros. */
	if (strcmp(copy_name_write(again, when), name) != 0) {
		return false;
	}
	*ret_when = when;
	return true;
}
