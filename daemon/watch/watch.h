/* `sae-metricsd watch`, its arguments and all; argv[0] is the subcommand's name. Returns an exit_status. */
#pragma once

int watch_run(int argc, char **argv);
