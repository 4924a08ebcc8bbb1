/* `sae-metricsd report`. */
#pragma once

/* argv[0] is "report". Returns an exit_status. */
int report_command_run(int argc, char **argv);
