/* What every target includes: the one function that libFuzzer (or replay.c) calls with each input. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An invariant: whatever the input. */
#define HOLDS(claim)                                                                               \
	do {                                                                                       \
		if (!(claim)) {                                                                    \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #claim);          \
			abort();                                                                   \
		}                                                                                  \
	} while (0)
