/* What checks say of files and of who owns them. */
#pragma once

#include <sys/stat.h>

#define DOCTOR_WORDS_MAX  512u
#define DOCTOR_NAME_SIZE  64u
#define DOCTOR_MODES_SIZE (16u + 2 * DOCTOR_NAME_SIZE)

/* The name, or the number where nobody knows one. Return out. */
char *doctor_user_name(uid_t uid, char out[DOCTOR_NAME_SIZE]);
char *doctor_group_name(gid_t gid, char out[DOCTOR_NAME_SIZE]);

/* srw-rw---- root:sae-metrics */
char *doctor_modes(const struct stat *st, char out[DOCTOR_MODES_SIZE]);
