/* Time and processes for the fuzz targets: both are what the input says.
 *
 * The linker gives every call of clock_gettime and uv_now in the code under test to fake_clock.c (--wrap); outside of
 * fake_clock_begin … fake_clock_end, where libFuzzer measures itself, the real clock answers. loop/process.h is
 * implemented here without processes: a watch ends when the input says so. */
#pragma once

#include <stdint.h>
#include <uv.h>

void fake_clock_begin(void);
void fake_clock_end(void);
/* Every timer of the loop is due, as if so much time had passed at once. */
void fake_clock_pass(uv_loop_t *loop, uint64_t ms);

/* The process behind the watch number `nth` (modulo how many there are) has ended. */
void fake_process_ends(uint32_t nth);
