/* history_data.kind: what a value is, since SQLite has no NaN. */
#pragma once

enum value_code { CODE_NUM, CODE_NAN, CODE_INF, CODE_MINUS_INF, CODE_TEXT };
