/* What forwarding cannot be faster than, each alone:
 *
 *   forward_limits read DATABASE             the lines read out of SQLite, one after the other
 *   forward_limits push PORT BYTES REQUEST   so many bytes sent in requests of that size on one connection
 *
 * Prints the seconds it took and its own CPU seconds; of read, also the bytes. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"

static void fail(const char *what) {
	fprintf(stderr, "forward_limits: %s\n", what);
	exit(1);
}

static double cpu_s(void) {
	struct rusage u;
	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static uint64_t read_lines(const char *path) {
	sqlite3 *sql = NULL;
	sqlite3_stmt *st = NULL;
	uint64_t bytes = 0;
	if (sqlite3_open_v2(path, &sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
			SQLITE_OK ||
		sqlite3_prepare_v2(sql,
			"SELECT line, step, time, json FROM forward_lines_data ORDER BY run, line",
			-1, &st, NULL) != SQLITE_OK) {
		fail(path);
	}
	while (sqlite3_step(st) == SQLITE_ROW) {
		bytes += strlen((const char *)sqlite3_column_text(st, 3));
	}
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(sql);
	return bytes;
}

static void send_all(int fd, const char *data, size_t len) {
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
		if (n <= 0) {
			fail("send");
		}
		data += n;
		len -= (size_t)n;
	}
}

static void push(in_port_t port, uint64_t bytes, size_t request) {
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	char *body = malloc(request), head[256], answer[1024];
	if (body == NULL || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
		fail("connect");
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	memset(body, 'x', request);
	while (bytes > 0) {
		size_t len = bytes < request ? (size_t)bytes : request;
		int head_len = snprintf(head, sizeof head,
			"POST /files/e/p/raw/file_stream HTTP/1.1\r\nHost: x\r\nContent-Length: "
			"%zu\r\n\r\n",
			len);
		send_all(fd, head, (size_t)head_len);
		send_all(fd, body, len);
		if (recv(fd, answer, sizeof answer, 0) <= 0) {
			fail("no answer");
		}
		bytes -= len;
	}
	free(body);
	(void)close(fd);
}

int main(int argc, char **argv) {
	uint64_t begun = clock_mono_ns(), bytes = 0;
	if (argc == 3 && strcmp(argv[1], "read") == 0) {
		bytes = read_lines(argv[2]);
	} else if (argc == 5 && strcmp(argv[1], "push") == 0) {
		push((in_port_t)strtoul(argv[2], NULL, 10), strtoull(argv[3], NULL, 10),
			strtoul(argv[4], NULL, 10));
	} else {
		fail("read DATABASE or push PORT BYTES REQUEST");
	}
	printf("%.6f %.6f %llu\n", (double)(clock_mono_ns() - begun) * 1e-9, cpu_s(),
		(unsigned long long)bytes);
	return 0;
}
