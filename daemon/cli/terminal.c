#include "terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "clock.h"

#define WIDTH_DEFAULT 80u
#define WIDTH_MAX     1000u /* above: somebody is joking, or not a terminal */

int colour_choice_parse(const char *word) {
	static const char *const words[] = {
		[COLOUR_AUTO] = "auto", [COLOUR_ALWAYS] = "always", [COLOUR_NEVER] = "never"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i], word) == 0) {
			return (int)i;
		}
	}
	return -1;
}

static unsigned terminal_width(int fd) {
	const char *columns = getenv("COLUMNS");
	unsigned long given = columns ? strtoul(columns, NULL, 10) : 0;
	struct winsize size;

	if (given > 0 && given <= WIDTH_MAX) {
		return (unsigned)given;
	}
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
		return size.ws_col;
	}
	return WIDTH_DEFAULT;
}

static bool wants_colour(bool screen, enum colour_choice colour) {
	const char *no_colour = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (colour != COLOUR_AUTO) {
		return colour == COLOUR_ALWAYS;
	}
	return screen && !(no_colour && no_colour[0]) && !(term && strcmp(term, "dumb") == 0);
}

struct look terminal_look(int fd, enum colour_choice colour) {
	bool screen = isatty(fd) == 1;

	(void)setlocale(LC_CTYPE, "");
	return (struct look){
		.width = screen ? terminal_width(fd) : 0,
		.screen = screen,
		.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
		.colour = wants_colour(screen, colour),
		.now = clock_wall(),
	};
}
