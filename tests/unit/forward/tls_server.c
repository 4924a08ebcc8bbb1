#include "tls_server.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define KEY         "key.pem"
#define CERTIFICATE "certificate.pem"

/* With what it says in `out`, and what it reads in `in`. */
static pid_t run(const char *folder, const char *const *words, int *ret_in, int *ret_out) {
	int in[2], out[2];
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (chdir(folder) == 0 && dup2(in[0], 0) == 0 && dup2(out[1], 1) == 1 &&
			freopen("openssl.log", "w", stderr) != NULL) {
			execvp(words[0], (char *const *)(uintptr_t)words);
		}
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	*ret_in = in[1];
	*ret_out = out[0];
	return pid;
}

static void make_certificate(const char *folder, const char *common_name) {
	char subject[64];
	snprintf(subject, sizeof subject, "/CN=%s", common_name != NULL ? common_name : "a test");
	const char *const words[] = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
		"ec_paramgen_curve:prime256v1", "-nodes", "-keyout", KEY, "-out", CERTIFICATE,
		"-days", "2", "-subj", subject, common_name == NULL ? "-addext" : NULL,
		"subjectAltName=IP:127.0.0.1", NULL};
	int in, out, status;
	pid_t pid = run(folder, words, &in, &out);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(in);
	close(out);
}

/* It says "ACCEPT 127.0.0.1:40123" when it can be connected to. */
static uint16_t read_port(int out) {
	char said[4096];
	size_t len = 0;
	while (len < sizeof said - 1) {
		ssize_t n = read(out, said + len, 1);
		assert_int_equal(n, 1);
		said[++len] = '\0';
		unsigned port;
		char *line = strstr(said, "ACCEPT ");
		if (line != NULL && said[len - 1] == '\n' &&
			sscanf(line, "ACCEPT 127.0.0.1:%u", &port) == 1) {
			return (uint16_t)port;
		}
	}
	fail();
	return 0;
}

void tls_server_open(struct tls_server *s, const char *common_name) {
	static const char *const words[] = {"openssl", "s_server", "-accept", "127.0.0.1:0", "-key",
		KEY, "-cert", CERTIFICATE, NULL};
	snprintf(s->folder, sizeof s->folder, "/tmp/tls_server_XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	snprintf(s->certificate, sizeof s->certificate, "%s/%s", s->folder, CERTIFICATE);
	make_certificate(s->folder, common_name);
	s->pid = run(s->folder, words, &s->in, &s->out);
	s->port = read_port(s->out);
}

void tls_server_close(struct tls_server *s) {
	static const char *const names[] = {KEY, CERTIFICATE, "openssl.log"};
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	close(s->in);
	close(s->out);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		char path[128];
		snprintf(path, sizeof path, "%s/%s", s->folder, names[i]);
		unlink(path);
	}
	rmdir(s->folder);
}

void tls_server_say(struct tls_server *s, const char *answer) {
	size_t len = strlen(answer);
	assert_int_equal(write(s->in, answer, len), (ssize_t)len);
}
