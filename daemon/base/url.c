#include "url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HOST_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_"
#define IPV6_CHARACTERS "ABCDEFabcdef0123456789:."
#define PORT_MAX        65535
#define PORT_DIGITS_MAX 5u

/* Behind the host: nothing, or a colon and a port. Returns its end, NULL when it is neither. */
static const char *skip_port(const char *at) {
	if (*at != ':') {
		return at;
	}
	size_t n_digits = strspn(at + 1, "0123456789");
	if (n_digits == 0 || n_digits > PORT_DIGITS_MAX) {
		return NULL;
	}
	long port = strtol(at + 1, NULL, 10);
	return port > 0 && port <= PORT_MAX ? at + 1 + n_digits : NULL;
}

static const char *skip_host(const char *at, struct url *u) {
	bool is_ipv6 = *at == '[';

	u->host = at + (is_ipv6 ? 1 : 0);
	u->host_len = strspn(u->host, is_ipv6 ? IPV6_CHARACTERS : HOST_CHARACTERS);
	at = u->host + u->host_len;
	if (u->host_len == 0 || (is_ipv6 && *at != ']')) {
		return NULL;
	}
	return is_ipv6 ? at + 1 : at;
}

static bool is_path(const char *at) {
	if (*at != '\0' && *at != '/') {
		return false;
	}
	for (; *at != '\0'; at++) {
		if (*at <= ' ' || *at > '~' || strchr("?#\\\"<>", *at) != NULL) {
			return false;
		}
	}
	return true;
}

int url_read(const char *text, struct url *ret) {
	struct url u = {.is_https = strncasecmp(text, "https://", 8) == 0};

	if (!u.is_https && strncasecmp(text, "http://", 7) != 0) {
		return -EINVAL;
	}
	u.authority = text + (u.is_https ? 8 : 7);
	const char *at = skip_host(u.authority, &u);
	at = at != NULL ? skip_port(at) : NULL;
	if (at == NULL || !is_path(at)) {
		return -EINVAL;
	}
	u.authority_len = (size_t)(at - u.authority);
	u.len = strlen(text);
	while (text[u.len - 1] == '/') {
		u.len--;
	}
	*ret = u;
	return 0;
}

static long port_of(const struct url *u) {
	const char *end = u->authority + u->authority_len;
	const char *host_end = u->host + u->host_len;
	const char *colon = memchr(host_end, ':', (size_t)(end - host_end));
	long usual = u->is_https ? 443 : 80;
	return colon != NULL ? strtol(colon + 1, NULL, 10) : usual;
}

bool url_same_server(const struct url *a, const struct url *b) {
	return a->is_https == b->is_https && a->host_len == b->host_len &&
	       strncasecmp(a->host, b->host, a->host_len) == 0 && port_of(a) == port_of(b);
}

bool url_is_loopback(const struct url *u) {
	char host[INET6_ADDRSTRLEN];
	struct in_addr v4;
	struct in6_addr v6;

	if (u->host_len >= sizeof host) {
		return false;
	}
	memcpy(host, u->host, u->host_len);
	host[u->host_len] = '\0';
	if (inet_pton(AF_INET, host, &v4) == 1) {
		return ntohl(v4.s_addr) >> 24 == 127;
	}
	if (inet_pton(AF_INET6, host, &v6) == 1) {
		return IN6_IS_ADDR_LOOPBACK(&v6);
	}
	return strcasecmp(host, "localhost") == 0;
}
