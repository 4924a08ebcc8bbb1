/* How many files may be open, and how many of them connections may have. */
#pragma once

#include <stdint.h>

/* What is never a connection's, or its process's: the database with its log and index (2 connections), a report's and a
 * backup's own, state files, the lock, W&B's 8 requests with what looks names up, the loop's, the log's, the listener's. */
#define DESCRIPTORS_RESERVED 48u

/* Raises RLIMIT_NOFILE to its hard limit: with a soft one of 1,024 the hard one is what counts. Returns what may be open. */
uint64_t descriptors_raise(void);
/* What is open is closed in a program that is started next: libraries open descriptors that would go along. A kernel before 5.11 does not. */
void descriptors_keep_from_programs(void);

/* Of so many: how many connections there may be, each with a descriptor for the process behind it. At least 4. */
uint64_t descriptors_connections(uint64_t limit);
