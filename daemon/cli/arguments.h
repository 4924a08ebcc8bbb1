/* A command's arguments, one by one. */
#pragma once

#include <getopt.h>

/* Hands each option to take_option, as getopt_long returned it, its value in optarg; `word` is what getopt looked at, for whoever
 * complains of it. Then each word that is none to take_word. Both return an exit_status, and have said what is wrong; the first
 * that is not EXIT_OK ends it and is returned. `letters` begin with a colon. */
int arguments_take(int argc, char **argv, const char *letters, const struct option *longs,
	int (*take_option)(int option, const char *word, void *user),
	int (*take_word)(const char *word, void *user), void *user);

/* "sae-metricsd COMMAND: what", with `which` behind it, and what lists all; EXIT_USAGE. */
int arguments_wrong(const char *command, const char *what, const char *which);
/* The same of a word, for a command that has options alone. */
int arguments_no_word(const char *command, const char *word);
/* The same of an option that getopt_long does not know, or that is without its value (':'). */
int arguments_unknown(const char *command, int option, const char *word);
