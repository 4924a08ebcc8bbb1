#include "doctor.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arguments.h"
#include "clock.h"
#include "document.h"
#include "doctor_command.h"
#include "doctor_find.h"
#include "json_write.h"

static int doctor_run(int argc, char **argv);

const struct subcommand subcommand_doctor = {
	.name = "doctor",
	.summary = "check all that is needed, and say what to do",
	.usage = "usage: sae-metricsd doctor [options]\n"
		 "\n"
		 "Looks whether the daemon can be reached and is well, whether its files are safe\n"
		 "and whole, what is set, whether W&B takes the host's key, the clock and the\n"
		 "system's limits; and says what to do. Changes nothing.\n"
		 "\n"
		 "  --socket PATH     of the daemon behind this socket\n"
		 "  --db FILE         of this database\n"
		 "  --config PATH     what is set, as of `serve`\n"
		 "  --json            what was found as JSON\n"
		 "  -h, --help        this text\n"
		 "\n"
		 "exit status: 0 nothing failed, though there may be warnings, 1 something did,\n"
		 "             2 wrong usage\n",
	.run = doctor_run,
};

/* In this order: what is found by one is used by those behind it. */
static const struct doctor_check checks[] = {
	{"config", doctor_look_at_config},
	{"socket", doctor_look_at_socket},
	{"daemon", doctor_look_at_daemon},
	{"systemd", doctor_look_at_systemd},
	{"folders", doctor_look_at_folders},
	{"db", doctor_look_at_database},
	{"disk", doctor_look_at_disk},
	{"notes", doctor_look_at_notes},
	{"wandb", doctor_look_at_wandb},
	{"clock", doctor_look_at_clock},
	{"limits", doctor_look_at_limits},
};
#define TOPIC_WIDTH 7

/* ---- what was found ---- */

static const struct {
	const char *name, *shown;
} levels[] = {
	[FINDING_OK] = {"ok", "ok"},
	[FINDING_UNSEEN] = {"unseen", "?"},
	[FINDING_WARN] = {"warn", "warn"},
	[FINDING_FAIL] = {"fail", "FAIL"},
};

void doctor_say(
	struct doctor *d, enum finding_level level, const char *advice, const char *format, ...) {
	char found[PATH_MAX + 1024];
	va_list args;

	va_start(args, format);
	vsnprintf(found, sizeof found, format, args);
	va_end(args);
	json_t *finding = json_pack("{s:s, s:s, s:s, s:s?}", "level", levels[level].name, "topic",
		d->topic, "found", found, "advice", advice);
	if (finding == NULL) { /* what somebody else wrote is no UTF-8 */
		finding = json_pack("{s:s, s:s, s:s, s:n}", "level", levels[level].name, "topic",
			d->topic, "found", "what was found cannot be shown", "advice");
	}
	(void)json_array_append_new(d->findings, finding);
}

pid_t doctor_daemon_pid(const struct doctor *d) {
	double pid;

	return document_number(d->status, "daemon.pid", &pid) ? (pid_t)pid : getpid();
}

static bool has_failed(const json_t *findings) {
	bool failed = false;

	for (size_t i = 0; i < json_array_size(findings); i++) {
		const char *level = document_text(json_array_get(findings, i), "level");
		failed = failed || strcmp(level, levels[FINDING_FAIL].name) == 0;
	}
	return failed;
}

/* ---- printed ---- */

static const char *shown(const char *name) {
	size_t i = 0;

	while (strcmp(levels[i].name, name) != 0) {
		i++;
	}
	return levels[i].shown;
}

static void print_lines(const json_t *findings) {
	for (size_t i = 0; i < json_array_size(findings); i++) {
		const json_t *f = json_array_get(findings, i);
		const char *advice = document_text(f, "advice");
		printf("%-4s  %-*s  %s\n", shown(document_text(f, "level")), TOPIC_WIDTH,
			document_text(f, "topic"), document_text(f, "found"));
		if (advice != NULL) {
			printf("      %*s  -> %s\n", TOPIC_WIDTH, "", advice);
		}
	}
}

static int print_json(const struct doctor *d) {
	json_t *document = json_pack("{s:i, s:s, s:b, s:s, s:s, s:O}", "schema", DOCTOR_SCHEMA,
		"version", SAE_METRICSD_VERSION, "ok", !has_failed(d->findings), "socket",
		d->socket, "database", d->database, "findings", d->findings);
	struct buf out = {0};
	int err = document == NULL ? -1 : json_write(&out, document, JSON_FOR_PEOPLE);

	if (err == 0) {
		err = fwrite(out.data, 1, out.len, stdout) == out.len && puts("") >= 0 ? 0 : -1;
	}
	buf_finish(&out);
	json_decref(document);
	return err;
}

static int print(const struct doctor *d, bool as_json) {
	int err = 0;

	if (as_json) {
		err = print_json(d);
	} else {
		print_lines(d->findings);
	}
	if (err < 0 || fflush(stdout) != 0 || ferror(stdout)) {
		fputs("sae-metricsd doctor: cannot write\n", stderr);
		return EXIT_FAILED;
	}
	return has_failed(d->findings) ? EXIT_FAILED : EXIT_OK;
}

/* ---- options ---- */

struct options {
	struct doctor_subject subject;
	const char *config;
	bool json, help;
};

enum { OPTION_SOCKET = 256, OPTION_DB, OPTION_CONFIG, OPTION_JSON };

/* `word` is what getopt looked at. */
static int take_option(int option, const char *word, void *user) {
	struct options *o = user;

	switch (option) {
	case OPTION_SOCKET:
		o->subject.socket = optarg;
		return EXIT_OK;
	case OPTION_DB:
		o->subject.database = optarg;
		return EXIT_OK;
	case OPTION_CONFIG:
		o->config = optarg;
		return EXIT_OK;
	case OPTION_JSON:
		o->json = true;
		return EXIT_OK;
	case 'h':
		o->help = true;
		return EXIT_OK;
	default:
		return arguments_unknown("doctor", option, word);
	}
}

static int take_word(const char *word, void *user) {
	const struct options *o = user;
	return o->help ? EXIT_OK : arguments_no_word("doctor", word);
}

static int read_options(int argc, char **argv, struct options *o) {
	static const struct option longs[] = {
		{"socket", required_argument, NULL, OPTION_SOCKET},
		{"db", required_argument, NULL, OPTION_DB},
		{"config", required_argument, NULL, OPTION_CONFIG},
		{"json", no_argument, NULL, OPTION_JSON},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};

	return arguments_take(argc, argv, ":h", longs, take_option, take_word, o);
}

static int doctor_run(int argc, char **argv) {
	struct options o = {0};
	int status = read_options(argc, argv, &o);

	if (status != EXIT_OK) {
		return status;
	}
	if (o.help) {
		fputs(subcommand_doctor.usage, stdout);
		return EXIT_OK;
	}
	struct doctor d = {.config = o.config, .findings = json_array()};
	(void)signal(SIGPIPE, SIG_IGN); /* of connections: what fails says so */
	doctor_find(&d, &o.subject);
	for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
		d.topic = checks[i].topic;
		checks[i].look(&d);
	}
	status = print(&d, o.json);
	credential_finish(&d.credential);
	if (d.has_settings) {
		settings_finish(&d.settings);
	}
	json_decref(d.status);
	json_decref(d.findings);
	return status;
}
