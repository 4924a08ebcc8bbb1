#include "keepsake.h"

#include <string.h>

#include "le.h"

/* magic, step, length of the state, checksum of the three before and of the state */
static const uint8_t magic[8] = "SAEstat1";

/* FNV-1a over words rather than bytes: a state has 16 bytes a feature. */
static uint64_t checksum(uint64_t hash, const uint8_t *data, size_t len) {
	for (; len >= 8; data += 8, len -= 8) {
		hash = (hash ^ le64_load(data)) * 0x100000001b3ull;
		hash ^= hash >> 29;
	}
	for (; len > 0; data++, len--) {
		hash = (hash ^ *data) * 0x100000001b3ull;
	}
	return hash;
}

static uint64_t keepsake_checksum(const uint8_t *keepsake, size_t state_len) {
	uint64_t head = checksum(0xcbf29ce484222325ull, keepsake, 24);

	return checksum(head, keepsake + KEEPSAKE_HEAD_SIZE, state_len);
}

void keepsake_seal(uint8_t *keepsake, size_t state_len, int64_t step) {
	memcpy(keepsake, magic, sizeof magic);
	le64_store(keepsake + 8, (uint64_t)step);
	le64_store(keepsake + 16, state_len);
	le64_store(keepsake + 24, keepsake_checksum(keepsake, state_len));
}

bool keepsake_open(const uint8_t *keepsake, size_t len, int64_t *ret_step) {
	if (len < KEEPSAKE_HEAD_SIZE || memcmp(keepsake, magic, sizeof magic) != 0) {
		return false;
	}
	size_t state_len = len - KEEPSAKE_HEAD_SIZE;
	if (le64_load(keepsake + 16) != state_len ||
		le64_load(keepsake + 24) != keepsake_checksum(keepsake, state_len)) {
		return false;
	}
	*ret_step = (int64_t)le64_load(keepsake + 8);
	return true;
}
