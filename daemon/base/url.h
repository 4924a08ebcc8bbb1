/* An http or https address taken apart, strictly: what is odd is refused rather than guessed at, for a key goes
 * where it points. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct url { /* borrowed from the text */
	bool is_https;
	const char *authority; /* "host:port" as it was written */
	size_t authority_len;
	const char *host; /* without the brackets of an IPv6 address */
	size_t host_len;
	size_t len; /* of the whole, without slashes at its end */
};

/* 0, or -EINVAL: anything but http(s)://HOST[:PORT][/PATH], so no user, query or fragment either. */
int url_read(const char *text, struct url *ret);

/* The same server, whatever the paths: scheme, host and port. */
bool url_same_server(const struct url *a, const struct url *b);

/* 127.0.0.0/8, ::1 and localhost: what is sent there does not leave this machine. */
bool url_is_loopback(const struct url *u);
