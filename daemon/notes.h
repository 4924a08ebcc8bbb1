/* The notes that trainers left because the daemon was not there (PROTOCOL.md §6): small files in a folder
 * beside the socket. This is the folder and its files; what a note says is the engine's to judge. */
#pragma once

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bounds.h"

#define NOTE_BYTES_MAX 1024u
#define NOTES_MAX      4096u /* looked at in one start; the others wait for the next */

struct note {
	char path[PATH_MAX];
	uint8_t stream[STREAM_ID_SIZE]; /* its name */
	uid_t uid;                      /* its owner */
	uint8_t bytes[NOTE_BYTES_MAX];
	size_t len;
};

/* "<socket>.notes". */
void notes_folder(char out[PATH_MAX], const char *socket_path);

/* What its mode is to be beside a socket of that mode. */
mode_t notes_folder_mode(mode_t socket_mode);

/* Makes the folder beside a socket that is there: for its own user alone, or, as the socket's mode and group have it, for whoever
 * may connect, who then sees nobody else's notes. 0 or -errno. */
int notes_make_folder(const char *socket_path);

/* Calls `each` for every note in the folder; one that is too long for a note comes with len 0. Returns how many. */
unsigned notes_each(
	const char *socket_path, void (*each)(void *user, const struct note *note), void *user);
