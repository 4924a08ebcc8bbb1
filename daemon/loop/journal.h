/* The systemd journal, with fields: what the log says goes there where stderr is the journal's anyway. Without libsystemd it
 * stays with stderr. */
#pragma once

/* Gives the log its sink, if the journal reads stderr. Call it before there are threads. */
void journal_open(void);
