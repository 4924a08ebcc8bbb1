/* FNV-1a, for tables in memory. */
#pragma once

#include <stddef.h>
#include <stdint.h>

static inline uint32_t hash_bytes(const void *data, size_t len) {
	const uint8_t *p = data;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < len; i++) {
		hash = (hash ^ p[i]) * 16777619u;
	}
	return hash;
}

static inline uint32_t hash_text(const char *text) {
	uint32_t hash = 2166136261u;

	for (; *text != '\0'; text++) {
		hash = (hash ^ (uint8_t)*text) * 16777619u;
	}
	return hash;
}
