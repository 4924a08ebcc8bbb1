/* Draws a document of tests/unit/cli/documents and compares it with what was agreed to look
 * right, in tests/unit/cli/screens. With $UPDATE_SCREENS set the screens are written instead. */
#pragma once

#include "render.h"

#define SCREEN_NOW 1795449749.0 /* 2026-11-23T16:02:29Z */

json_t *screen_document(const char *name);
void screen_check(const char *text, const char *name);
