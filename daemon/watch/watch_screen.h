/* The terminal: the one place that knows curses. Nothing is written but cells that have changed; and whatever happens, the terminal is
 * given back as it was. */
#pragma once

#include "grid.h"

/* NULL when this terminal is none that can be drawn on, which words say. `colour`: whether there is to be any. */
struct screen;
struct screen *screen_open(bool colour, char ret_words[128]);
void screen_close(struct screen *s);

/* As large as it is now; a grid of another size is not shown. */
void screen_size(struct screen *s, unsigned *ret_width, unsigned *ret_height);
void screen_show(struct screen *s, const struct grid *g);
/* The next key (enum model_key); 0: none is waiting. */
uint32_t screen_key(struct screen *s);

/* Gives the terminal back for as long as the process is stopped, which `stop` does. All is drawn anew afterwards. */
void screen_suspend(struct screen *s, void (*stop)(void));
