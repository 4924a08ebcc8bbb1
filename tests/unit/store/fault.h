/* Faults of the disk. 0 ends them. */
#pragma once

/* From now on SQLite's writes fail with that errno. */
void fault_writes(int sys_errno);
/* From now on syncs of files whose name ends so fail with that errno. */
void fault_syncs(const char *suffix, int sys_errno);
/* How often either has happened. */
unsigned fault_hits(void);
