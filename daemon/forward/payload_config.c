#include "payload_config.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json_members.h"
#include "payload.h"
#include "payload_writer.h"

#define WRITER_ID     "sae-metricsd"
#define RESERVED_KEY  "_wandb"
#define YEAR_10000_S  253402300800.0 /* RFC 3339 has four digits for a year */
#define TIME_TEXT_MAX 32

/* ---- the trainer's keys ---- */

/* 1, 0 or -ENOMEM. However it is spelled: "\u005fwandb" is the same key. */
static int is_reserved(struct text key) {
	char *plain = json_unescape(key);

	if (plain == NULL) {
		return -ENOMEM;
	}
	int reserved = strcmp(plain, RESERVED_KEY) == 0;
	free(plain);
	return reserved;
}

/* Values are passed on as the text they are: a number that no double and no int64 holds stays what it is. */
static void put_members(struct payload_writer *w, const char *config_json) {
	struct text object = text_of(config_json, strlen(config_json)), key, value;
	size_t at = 0;

	if (!json_is_object(object)) {
		w->err = -EINVAL;
		return;
	}
	while (w->err == 0 && json_next_member(object, &at, &key, &value)) {
		int reserved = is_reserved(key);
		if (reserved < 0) {
			w->err = reserved;
		}
		if (reserved != 0) {
			continue;
		}
		payload_put(w, "\"");
		payload_put_part(w, key);
		payload_put(w, "\":{\"value\":");
		payload_put_part(w, value);
		payload_put(w, "},");
	}
}

/* ---- metric definitions ---- */

/* The numbers are those of the fields of W&B's MetricRecord, an entry's index counts from 1. */
struct definition {
	const char *name, *step_metric;
	bool listed; /* by the run; else it is only here to be referred to */
};

struct definitions {
	struct definition *items;
	size_t count;
};

/* 0: there is none. */
static size_t definition_index(const struct definitions *d, const char *name) {
	for (size_t i = 0; i < d->count; i++) {
		if (strcmp(d->items[i].name, name) == 0) {
			return i + 1;
		}
	}
	return 0;
}

static bool is_listed(const struct payload_run *run, const char *name) {
	for (size_t i = 0; i < run->n_metrics; i++) {
		if (strcmp(run->metrics[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

static int gather_definitions(struct definitions *d, const struct payload_run *run) {
	/* Each may bring its step metric along. */
	d->items = calloc(run->n_metrics + 1, 2 * sizeof *d->items);
	if (d->items == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < run->n_metrics; i++) {
		const struct payload_metric *m = &run->metrics[i];
		if (m->step_metric != NULL && !is_listed(run, m->step_metric) &&
			definition_index(d, m->step_metric) == 0) {
			d->items[d->count++] = (struct definition){m->step_metric, NULL, false};
		}
		d->items[d->count++] = (struct definition){m->name, m->step_metric, true};
	}
	return 0;
}

static void put_definition(
	struct payload_writer *w, const struct definitions *d, const struct definition *item) {
	payload_put(w, "{\"1\":");
	payload_put_text(w, item->name);
	if (item->step_metric != NULL) {
		payload_put(w, ",\"5\":");
		payload_put_integer(w, (int64_t)definition_index(d, item->step_metric));
	}
	/* Options: 1 step_sync, which goes with a step metric, 3 defined. No summary of its own. */
	payload_put(w, ",\"6\":[");
	payload_put(w, item->step_metric != NULL ? "1," : "");
	payload_put(w, item->listed ? "3" : "");
	payload_put(w, "],\"7\":[]}");
}

static void put_metrics(struct payload_writer *w, const struct payload_run *run) {
	struct definitions d = {0};
	int err = gather_definitions(&d, run);

	if (w->err == 0) {
		w->err = err;
	}
	payload_put(w, "[");
	for (size_t i = 0; i < d.count; i++) {
		payload_put(w, i > 0 ? "," : "");
		put_definition(w, &d, &d.items[i]);
	}
	payload_put(w, "]");
	free(d.items);
}

/* ---- who writes ---- */

static bool format_time(char out[TIME_TEXT_MAX], double seconds) {
	if (!(seconds > 0) || !(seconds < YEAR_10000_S)) {
		return false;
	}
	time_t whole = (time_t)seconds;
	struct tm tm;
	char date[TIME_TEXT_MAX];
	if (gmtime_r(&whole, &tm) == NULL ||
		strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
		return false;
	}
	int thousandths = (int)((seconds - floor(seconds)) * 1000);
	return snprintf(out, TIME_TEXT_MAX, "%s.%03dZ", date, thousandths) < TIME_TEXT_MAX;
}

/* A member, unless it is NULL. */
static void put_known(
	struct payload_writer *w, const char **separator, const char *name, const char *text) {
	if (text != NULL) {
		payload_put(w, *separator);
		payload_put(w, name);
		payload_put_text(w, text);
		*separator = ",";
	}
}

static void put_git(struct payload_writer *w, const struct payload_run *run) {
	const char *separator = "";

	payload_put(w, "\"git\":{");
	put_known(w, &separator, "\"remote\":", run->git_remote);
	put_known(w, &separator, "\"commit\":", run->git_commit);
	payload_put(w, "}");
}

/* W&B keeps one for each writer of a run; a host's daemon is one, whichever process it is. */
static void put_environment(struct payload_writer *w, const struct payload_run *run) {
	char started[TIME_TEXT_MAX];
	const char *separator = "";

	payload_put(w, "{\"" WRITER_ID "\":{");
	put_known(w, &separator, "\"host\":", run->host);
	put_known(w, &separator, "\"program\":", run->program);
	put_known(w, &separator,
		"\"startedAt\":", format_time(started, run->started) ? started : NULL);
	if (run->args_json != NULL) {
		payload_put(w, separator);
		payload_put(w, "\"args\":");
		payload_put_texts(w, run->args_json);
		separator = ",";
	}
	if (run->git_remote != NULL || run->git_commit != NULL) {
		payload_put(w, separator);
		put_git(w, run);
	}
	payload_put(w, "}}");
}

int payload_config(struct buf *out, const struct payload_run *run) {
	struct payload_writer w;

	payload_begin(&w, out);
	payload_put(&w, "{");
	if (run->config_json != NULL) {
		put_members(&w, run->config_json);
	}
	payload_put(&w, "\"" RESERVED_KEY "\":{\"value\":{\"cli_version\":");
	payload_put_text(&w, run->version);
	/* Without `t` W&B's client takes a run for one that never began, and does not resume it. */
	payload_put(&w, ",\"t\":{\"5\":");
	payload_put_text(&w, run->version);
	payload_put(&w, "},\"m\":");
	put_metrics(&w, run);
	payload_put(&w, ",\"e\":");
	put_environment(&w, run);
	payload_put(&w, "}}}");
	return payload_end(&w);
}
