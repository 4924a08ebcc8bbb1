/* A value that was logged, out of its row of history_data or histograms_data. */
#pragma once

#include <sqlite3.h>

#include "changes.h"

/* What the rows of both tables begin with, and how they go on. */
enum { AT_KEY_NUMBER, AT_KEY, AT_SOURCE, AT_REST };
#define LINE_KEY_COLUMNS       "v.key, k.key, v.source, "
#define LINE_VALUE_COLUMNS     LINE_KEY_COLUMNS "v.kind, v.value, v.text "
#define LINE_HISTOGRAM_COLUMNS LINE_KEY_COLUMNS "v.bins, v.\"values\" "

/* Texts and numbers go into the arena. 0, -ENOMEM, or -EBADMSG: nothing we wrote. */
int line_value_take(sqlite3_stmt *st, struct changes *arena, struct value *ret);
int line_histogram_take(sqlite3_stmt *st, struct changes *arena, struct value *ret);

struct text line_column_text(sqlite3_stmt *st, int at); /* NUL-terminated; "" for NULL */
