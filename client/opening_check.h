/* Whether the daemon would take an OPEN, said before it is sent. */
#pragma once

#include "message.h"

/* False, and words (of OPENING_WORDS_SIZE) say which field it is and what was expected. */
bool opening_check(const struct msg_open *m, char *words);

/* Writes the words and returns false. */
bool opening_fail(char *words, const char *format, ...) __attribute__((format(printf, 2, 3)));
