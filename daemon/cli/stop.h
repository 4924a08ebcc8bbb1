/* The two ways of `stop`: the run that is named (stop.c), and those that others beat (stop_dominated.c). */
#pragma once

/* `stop --dominated`. Returns an exit_status. */
int stop_dominated(int argc, char **argv);

/* --reason's word, borrowed; else says what is wrong with it. Returns an exit_status. */
int stop_take_reason(const char *word, const char **ret);
