/* Numbers as people read them. Pure: no locale, no clock. Every function writes a NUL-terminated
 * text to `out` and returns it; not-finite numbers are `NaN`, `inf` and `-inf` everywhere. */
#pragma once

#include <stdint.h>

#define FORMAT_MAX 32 /* the longest text of any function here, with room */

/* Plain up to `plain_digits` digits, above that three significant ones and k, M, G, T, P:
 * (41200, 5) → 41200; (317382, 5) → 317k; (1300000000, 4) → 1.30G. */
char *format_count(char out[FORMAT_MAX], double count, int plain_digits);

/* 41200 → 41,200 */
char *format_grouped(char out[FORMAT_MAX], uint64_t count);

/* Three significant digits: 0.0213, 7.12, 58.3, 620, 3911; from 10,000 as a count. */
char *format_significant(char out[FORMAT_MAX], double value);

/* %.4g, its exponent without leading zeros: 0.0213, 1.021, 2.5e-7. */
char *format_general(char out[FORMAT_MAX], double value);

/* The same in at most `width` columns, 7 or more: 0.0002041 in 8 is 2.041e-4, and -1.234e-10 is -1.2e-10. */
char *format_general_within(char out[FORMAT_MAX], double value, unsigned width);

/* 812 B, 4.2 MiB, 512 GiB: binary units. */
char *format_bytes(char out[FORMAT_MAX], double bytes);

/* How long, in at most two units: 0.1s, 4s, 3m12s, 42m, 2h14m, 6d4h. Negative counts as 0. */
char *format_duration(char out[FORMAT_MAX], double seconds);

/* The same in one unit: 4s, 3m, 2h, 6d. */
char *format_age(char out[FORMAT_MAX], double seconds);
