/* About how many bytes of the database rows will take: for what a user has there, counted as it is written. */
#pragma once

#include "changes.h"

uint64_t rows_size(const struct changes *changes);
