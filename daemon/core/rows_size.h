/* About how many bytes of the database rows will take, with the pages' own overhead and what stays free in them: for what a user
 * has there, counted as it is written and removed. Measured (`SELECT sum(pgsize) FROM dbstat`) on databases of 4,000 to 6,000
 * steps by Prisma's and SAELens' profiles with 16, 257 and 16,384 features. tests/unit/store/test_rows_size.c holds it
 * against a database. */
#pragma once

#include "changes.h"

#define ROWS_STEP_BYTES      230u
#define ROWS_LINE_BYTES      40u
#define ROWS_ENTRY_BYTES     28u
#define ROWS_HISTOGRAM_BYTES 4650u /* of 64 bins */
#define ROWS_WINDOW_BYTES    4900u

uint64_t rows_size(const struct changes *changes);
