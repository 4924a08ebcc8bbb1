#include "watch_screen.h"

#include <curses.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "model.h"

#define ESCAPE_DELAY_MS 25
#define RESTORE_MAX     256u
#define PAIRS_BASIC     7

struct screen {
	SCREEN *curses;
	bool colour;
	struct grid shown; /* what stands there; no cells: nothing does */
};

/* ---- if we crash ---- */

static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
#define N_CRASHES (sizeof crashes / sizeof crashes[0])

/* A signal handler has nothing but what is global. */
static struct {
	struct termios termios;
	char text[RESTORE_MAX];
	size_t len;
	struct sigaction before[N_CRASHES];
} restore;

static void on_crash(int signum) {
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &restore.termios);
	(void)!write(STDOUT_FILENO, restore.text, restore.len);
	for (size_t i = 0; i < N_CRASHES; i++) {
		if (crashes[i] == signum) {
			(void)sigaction(signum, &restore.before[i], NULL);
		}
	}
	(void)raise(signum);
}

static void remember(const char *capability) {
	const char *text = tigetstr(capability);

	if (text && text != (const char *)-1 && restore.len + strlen(text) < RESTORE_MAX) {
		memcpy(restore.text + restore.len, text, strlen(text));
		restore.len += strlen(text);
	}
}

static void guard(void) {
	struct sigaction action = {.sa_handler = on_crash};

	restore.len = 0;
	remember("sgr0");
	remember("cnorm");
	remember("rmkx");
	remember("rmcup");
	(void)sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < N_CRASHES; i++) {
		(void)sigaction(crashes[i], &action, &restore.before[i]);
	}
}

static void unguard(void) {
	for (size_t i = 0; i < N_CRASHES; i++) {
		(void)sigaction(crashes[i], &restore.before[i], NULL);
	}
}

/* ---- colours ---- */

static const struct {
	short colour; /* -1: the terminal's own */
	attr_t attributes;
} styles[] = {
	[STYLE_PLAIN] = {-1, A_NORMAL},
	[STYLE_HEADING] = {-1, A_BOLD},
	[STYLE_NAME] = {COLOR_CYAN, A_NORMAL},
	[STYLE_GOOD] = {COLOR_GREEN, A_NORMAL},
	[STYLE_WARN] = {COLOR_YELLOW, A_NORMAL},
	[STYLE_BAD] = {COLOR_RED, A_NORMAL},
	[STYLE_DENSE] = {COLOR_MAGENTA, A_NORMAL},
	[STYLE_DIM] = {-1, A_DIM},
};
#define N_STYLES (sizeof styles / sizeof styles[0])

/* From dark to bright in even steps, also for those who do not tell all hues apart (viridis). */
static const short shades_256[GRID_SHADES] = {54, 61, 67, 66, 72, 71, 149, 226};
static const short shades_8[GRID_SHADES] = {COLOR_BLUE, COLOR_BLUE, COLOR_CYAN, COLOR_CYAN,
	COLOR_GREEN, COLOR_GREEN, COLOR_YELLOW, COLOR_YELLOW};

static bool init_colours(void) {
	if (!has_colors() || start_color() == ERR || use_default_colors() == ERR) {
		return false;
	}
	for (short i = 0; i < (short)N_STYLES; i++) {
		(void)init_pair((short)(i + 1), styles[i].colour, -1);
	}
	const short *shades = COLORS >= 256 ? shades_256 : shades_8;
	for (short i = 0; i < (short)GRID_SHADES; i++) {
		(void)init_pair((short)(GRID_SHADE + i), shades[i], -1);
	}
	return true;
}

static void look_of(
	const struct screen *s, const struct cell *cell, attr_t *ret_attributes, short *ret_pair) {
	bool is_shade = cell->style >= N_STYLES;

	*ret_attributes = is_shade ? A_NORMAL : styles[cell->style].attributes;
	*ret_pair = (short)(is_shade ? cell->style : cell->style + 1);
	if (cell->reversed) {
		*ret_attributes |= A_REVERSE;
	}
	if (!s->colour) {
		/* Bold and reverse are no colours; dim is as good as none on many a terminal. */
		*ret_attributes &= ~A_DIM;
		*ret_pair = 0;
	}
}

/* ---- the terminal ---- */

/* Ctrl-S is a key like others: while output is stopped nothing could end us. */
static void take_ctrl_s(void) {
	struct termios termios;

	if (tcgetattr(STDIN_FILENO, &termios) == 0) {
		termios.c_iflag &= ~(tcflag_t)IXON;
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &termios);
		(void)def_prog_mode(); /* as it is to be after a stop, too */
	}
}

/* What arrows send on terminals that do not heed the keypad's mode, too. */
static void define_arrows(void) {
	(void)define_key("\033[A", KEY_UP);
	(void)define_key("\033[B", KEY_DOWN);
	(void)define_key("\033[C", KEY_RIGHT);
	(void)define_key("\033[D", KEY_LEFT);
}

struct screen *screen_open(bool colour, char ret_words[128]) {
	struct screen *s = calloc(1, sizeof(*s));
	const char *term = getenv("TERM");

	(void)tcgetattr(STDIN_FILENO, &restore.termios);
	(void)set_escdelay(ESCAPE_DELAY_MS);
	s = s && (s->curses = newterm(NULL, stdout, stdin)) ? s : (free(s), NULL);
	if (!s) {
		snprintf(ret_words, 128, "nothing is known of a terminal '%.80s'; is TERM right?",
			term ? term : "");
		return NULL;
	}
	guard();
	(void)cbreak();
	(void)noecho();
	(void)nonl();
	(void)curs_set(0);
	(void)keypad(stdscr, TRUE);
	define_arrows();
	take_ctrl_s();
	(void)nodelay(stdscr, TRUE);
	(void)leaveok(stdscr, TRUE);
	s->colour = colour && init_colours();
	return s;
}

void screen_close(struct screen *s) {
	if (!s) {
		return;
	}
	(void)endwin();
	unguard();
	delscreen(s->curses);
	grid_finish(&s->shown);
	free(s);
}

void screen_size(struct screen *s, unsigned *ret_width, unsigned *ret_height) {
	struct winsize size;

	(void)s;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0 &&
		(size.ws_col != COLS || size.ws_row != LINES)) {
		(void)resizeterm(size.ws_row, size.ws_col);
	}
	*ret_width = (unsigned)COLS;
	*ret_height = (unsigned)LINES;
}

/* Of a character that is of another width here than in our tables curses would move what stands beside it. */
static void put_cell(const struct screen *s, const struct cell *cell, int width, int x, int y) {
	wchar_t text[CELL_BYTES];
	attr_t attributes;
	short pair;
	cchar_t glyph;

	look_of(s, cell, &attributes, &pair);
	if (mbstowcs(text, cell->bytes, CELL_BYTES) == (size_t)-1 || wcwidth(text[0]) != width ||
		setcchar(&glyph, text, attributes, pair, NULL) == ERR) {
		(void)setcchar(&glyph, L"?", attributes, pair, NULL);
		(void)mvadd_wch(y, x + width - 1, &glyph);
	}
	(void)mvadd_wch(y, x, &glyph);
}

static int width_of(const struct grid *g, unsigned x, unsigned y) {
	const struct cell *right = grid_at(g, x + 1, y);

	return right != NULL && !right->bytes[0] ? 2 : 1;
}

static bool is_same(const struct cell *a, const struct cell *b) {
	return strcmp(a->bytes, b->bytes) == 0 && a->style == b->style &&
	       a->reversed == b->reversed;
}

/* A row goes to curses as a whole when anything of it is new; curses finds the cells. */
static void put_row(const struct screen *s, const struct grid *g, unsigned y) {
	bool changed = s->shown.cells == NULL;

	for (unsigned x = 0; x < g->width && !changed; x++) {
		changed = !is_same(grid_at(g, x, y), grid_at(&s->shown, x, y));
	}
	for (unsigned x = 0; x < g->width && changed; x++) {
		if (grid_at(g, x, y)->bytes[0]) {
			put_cell(s, grid_at(g, x, y), width_of(g, x, y), (int)x, (int)y);
		}
	}
}

static void keep(struct screen *s, const struct grid *g) {
	if (!s->shown.cells && grid_init(&s->shown, g->width, g->height, g->utf8) < 0) {
		return;
	}
	memcpy(s->shown.cells, g->cells, sizeof(*g->cells) * g->width * g->height);
}

void screen_show(struct screen *s, const struct grid *g) {
	if (g->width != (unsigned)COLS || g->height != (unsigned)LINES) {
		return;
	}
	if (s->shown.width != g->width || s->shown.height != g->height) {
		grid_finish(&s->shown);
		(void)erase();
	}
	for (unsigned y = 0; y < g->height; y++) {
		put_row(s, g, y);
	}
	keep(s, g);
	(void)refresh();
}

static uint32_t key_of(wint_t key) {
	static const struct {
		wint_t curses;
		uint32_t ours;
	} keys[] = {{KEY_UP, KEY_GO_UP}, {KEY_DOWN, KEY_GO_DOWN}, {KEY_LEFT, KEY_GO_LEFT},
		{KEY_RIGHT, KEY_GO_RIGHT}, {KEY_PPAGE, KEY_PAGE_UP}, {KEY_NPAGE, KEY_PAGE_DOWN},
		{KEY_HOME, KEY_GO_FIRST}, {KEY_END, KEY_GO_LAST}, {KEY_BTAB, KEY_TAB_BACK},
		{KEY_ENTER, KEY_RETURN}, {KEY_BACKSPACE, KEY_RUBOUT}};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (keys[i].curses == key) {
			return keys[i].ours;
		}
	}
	return UINT32_MAX; /* one that means nothing here */
}

uint32_t screen_key(struct screen *s) {
	wint_t key;

	(void)s;
	switch (get_wch(&key)) {
	case OK:
		return key == '\n' ? KEY_RETURN : key == '\b' ? KEY_RUBOUT : (uint32_t)key;
	case KEY_CODE_YES:
		return key_of(key);
	default:
		return KEY_NONE;
	}
}

void screen_suspend(struct screen *s, void (*stop)(void)) {
	(void)endwin();
	stop();
	grid_finish(&s->shown);
	(void)clearok(stdscr, TRUE);
	(void)refresh();
}
