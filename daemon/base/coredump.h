/* A program that holds keys leaves no image of its memory behind. */
#pragma once

/* No core dump from now on, whoever would take it: file, pipe or socket. For good, and for children that are not
 * another program. 0 or -errno. */
int coredump_forbid(void);
