/* Names of copies that stand together in a folder: metrics-20261123T164001Z.db, so that their order is their age. */
#pragma once

#include <stdbool.h>
#include <time.h>

#define COPY_NAME_SIZE 32u

/* Returns out. */
const char *copy_name_write(char out[COPY_NAME_SIZE], time_t when);

/* Whether it is such a name, and of which moment. */
bool copy_name_read(const char *name, time_t *ret_when);
