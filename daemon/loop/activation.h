/* The socket that a service manager holds open for us (sd_listen_fds(3)), so that trainers can connect while no daemon
 * runs. */
#pragma once

#define ACTIVATION_PATH_SIZE 108u /* sun_path, with its NUL */

struct activation {
	int fd; /* listens already; 0: nobody passed one */
	char path[ACTIVATION_PATH_SIZE];
};

/* Takes what was passed out of the environment, so that no child believes it is his: call it before there are threads.
 * 0, also when nothing was; or -errno and one sentence: more sockets than one, one of another kind than ours, or this
 * program was built without libsystemd. */
int activation_take(struct activation *ret, char ret_words[256]);
