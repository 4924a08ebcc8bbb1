/* `openssl s_server` on 127.0.0.1 with a certificate of its own, which no other vouches for. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct tls_server {
	char folder[64];
	char certificate[96]; /* its file */
	uint16_t port;
	pid_t pid;
	int in, out;
};

/* The certificate is for 127.0.0.1 alone, or for that name in the old way. */
void tls_server_open(struct tls_server *s, const char *common_name);
void tls_server_close(struct tls_server *s);

/* To the one that connects, whatever it asks. */
void tls_server_say(struct tls_server *s, const char *answer);
