/* A fast 64-bit checksum against torn and stale files, several times faster than a disk writes. Not
 * against malice. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* `seed` chains: the checksum of what came before, or 0. */
uint64_t checksum(const void *data, size_t len, uint64_t seed);
