#include "journal.h"

#ifdef HAVE_LIBSYSTEMD
#define SD_JOURNAL_SUPPRESS_LOCATION /* the words say enough, and each is written in one place */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "log.h"

#define FIELDS_MAX 8
#define FIELD_MAX  1152 /* a line of the log, and its name */

struct fields {
	struct iovec at[FIELDS_MAX];
	char text[FIELDS_MAX][FIELD_MAX];
	int n;
};

/* What does not fit is cut; a value that is not given is no field. */
static void add(struct fields *f, const char *name, const char *value) {
	if (value == NULL || value[0] == '\0') {
		return;
	}
	int len = snprintf(f->text[f->n], FIELD_MAX, "%s=%s", name, value);
	f->at[f->n].iov_base = f->text[f->n];
	f->at[f->n].iov_len = (size_t)(len < FIELD_MAX ? len : FIELD_MAX - 1);
	f->n++;
}

static void add_number(struct fields *f, const char *name, unsigned value) {
	char text[16];

	snprintf(text, sizeof text, "%u", value);
	add(f, name, text);
}

static bool to_journal(
	enum log_level level, const struct log_about *about, const char *line, size_t len) {
	struct fields f = {0};

	(void)len;
	add(&f, "MESSAGE", line);
	add_number(&f, "PRIORITY", (unsigned)level);
	if (about != NULL) {
		add(&f, "MESSAGE_ID", about->kind);
		add(&f, "SAE_RUN", about->run);
		add(&f, "SAE_PROJECT", about->project);
		add(&f, "SAE_USER", about->user);
		add(&f, "SAE_MESSAGE_ID", about->about_kind);
		if (about->is_of_user || about->about_kind != NULL) {
			add_number(&f, "SAE_UID", about->uid);
		}
	}
	return sd_journal_sendv(f.at, f.n) >= 0;
}

void journal_open(void) {
	if (log_goes_to_journal()) {
		log_set_sink(to_journal);
	}
}

#else

void journal_open(void) {
}

#endif
