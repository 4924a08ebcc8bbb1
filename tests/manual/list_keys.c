/* Prints a line "section key" for all that can be set. */
#include <stdio.h>

#include "settings_private.h"

int main(void) {
	for (size_t i = 0; i < settings_n_keys; i++) {
		printf("%s %s\n", settings_keys[i].section, settings_keys[i].name);
	}
	return 0;
}
