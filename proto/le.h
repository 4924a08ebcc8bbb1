/* Little-endian numbers at any address, as payloads carry them. */
#pragma once

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t le16_load(const uint8_t *p) {
	uint16_t v;

	memcpy(&v, p, sizeof v);
	return le16toh(v);
}

static inline uint32_t le32_load(const uint8_t *p) {
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return le32toh(v);
}

static inline uint64_t le64_load(const uint8_t *p) {
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return le64toh(v);
}

static inline void le16_store(uint8_t *p, uint16_t v) {
	v = htole16(v);
	memcpy(p, &v, sizeof v);
}

static inline void le32_store(uint8_t *p, uint32_t v) {
	v = htole32(v);
	memcpy(p, &v, sizeof v);
}

static inline void le64_store(uint8_t *p, uint64_t v) {
	v = htole64(v);
	memcpy(p, &v, sizeof v);
}
