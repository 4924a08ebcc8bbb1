/* `status --ids`: what a shell completes a run's id with. */
#pragma once

struct source;

/* Prints a line "ID<tab>STATE NAME (PROJECT)" for each of the newest runs, of the daemon's or, without one, of the database
 * that `status` would show; of the files, where some are named. Says nothing else, whatever stands in the way: it is in the middle of
 * somebody's command line. Returns an exit_status. */
int run_ids_print(const struct source *s);
