/* How the reader's terminal is: the one place of the CLI that looks at the environment. */
#pragma once

#include "page.h"

enum colour_choice { COLOUR_AUTO = 0, COLOUR_ALWAYS, COLOUR_NEVER };

/* "auto", "always", "never"; -1 for anything else. */
int colour_choice_parse(const char *word);

/* Reads the locale, $COLUMNS, $TERM, $NO_COLOR, the clock and what `fd` is. */
struct look terminal_look(int fd, enum colour_choice colour);
