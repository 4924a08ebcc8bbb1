/* The few lines the library has for the trainer's stderr. */
#pragma once

/* One line, in one write, whatever stderr is: a broken pipe raises nothing. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
