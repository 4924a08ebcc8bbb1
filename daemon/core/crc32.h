/* The common CRC-32 (zlib's, PNG's): the checksum of a state that travels with a checkpoint. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* `crc` chains: that of what came before, or 0. */
uint32_t crc32_add(uint32_t crc, const void *data, size_t len);
