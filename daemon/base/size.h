/* Sizes as people write them: 512M, 20G, 1048576. Whole numbers, binary units; K, M, G and T may have iB behind them. Pure. */
#pragma once

#include <stdint.h>

#define SIZE_TEXT_SIZE 24u

/* 0, or -EINVAL when it is anything else or does not fit in 63 bits. */
int size_read(const char *text, uint64_t *ret);

/* In the largest unit that needs no fraction. Returns out. */
char *size_write(char out[SIZE_TEXT_SIZE], uint64_t bytes);
