/* `sae-metricsd plot`. */
#pragma once

/* argv[0] is "plot". Returns an exit_status. */
int plot_command_run(int argc, char **argv);
