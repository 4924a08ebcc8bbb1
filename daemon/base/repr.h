/* The shortest text that reads back as the same double, written as Python's repr() writes it
 * (0.1, 1e-05, 4096.0, 1e+16): what goes into JSON that must survive a round trip. */
#pragma once

#define REPR_MAX 40u

/* Not-finite numbers are "NaN", "Infinity" and "-Infinity", without quotes. Returns `out`. */
char *repr_double(char out[REPR_MAX], double value);
