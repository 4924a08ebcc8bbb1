#include "row.h"

#include <inttypes.h>

#include "feature_counts.h"
#include "le.h"

/* The part at the two ends of what is told of. */
struct span {
	int64_t since, until;
	int64_t dead_window;
	const uint8_t *
		before; /* 32 bits a feature: the step it had last fired at by `since`; NULL: not known */
	const uint32_t *after; /* the same by `until` */
	uint32_t first, n;
	uint32_t n_left; /* that may be told of still */
};

static bool is_dead(const struct span *s, int64_t last, int64_t step) {
	return step - last > s->dead_window;
}

static int64_t last_before(const struct span *s, uint32_t i) {
	return (int32_t)le32_load(s->before + 4 * (size_t)i);
}

static int64_t last_after(const struct span *s, uint32_t i) {
	return (int32_t)s->after[i];
}

/* One that was alive then fires no more behind the step that it last fired at; so what it last fired at tells of both ends. */
static bool has_died(const struct span *s, uint32_t i) {
	int64_t last = last_after(s, i);

	return is_dead(s, last, s->until) && !is_dead(s, last, s->since);
}

static bool is_revived(const struct span *s, uint32_t i) {
	return is_dead(s, last_before(s, i), s->since) && last_after(s, i) > s->since;
}

static int put_feature(struct buf *json, struct span *s, uint32_t i, int64_t last) {
	s->n_left--;
	return buf_printf(json, "%s[%" PRIu32 ",%" PRId64 "]",
		json->data[json->len - 1] == '[' ? "" : ",", s->first + i, last);
}

static int put_died(struct buf *json, struct span *s) {
	int err = buf_append(json, "[", 1);

	for (uint32_t i = 0; err == 0 && i < s->n && s->n_left > 0; i++) {
		err = has_died(s, i) ? put_feature(json, s, i, last_after(s, i)) : 0;
	}
	return err < 0 ? err : buf_append(json, "]", 1);
}

static int put_revived(struct buf *json, struct span *s) {
	int err = buf_append(json, "[", 1);

	for (uint32_t i = 0; err == 0 && i < s->n && s->n_left > 0; i++) {
		err = is_revived(s, i) ? put_feature(json, s, i, last_before(s, i)) : 0;
	}
	return err < 0 ? err : buf_append(json, "]", 1);
}

static int put_lists(struct buf *json, struct span *s, struct deaths *ret) {
	struct deaths d = {.since = s->since, .knows_revived = s->before != NULL};
	uint32_t n_before = s->n_left;

	buf_clear(json);
	int err = put_died(json, s);
	d.died_len = json->len;
	if (err == 0 && d.knows_revived) {
		err = put_revived(json, s);
	}
	d.revived_len = json->len - d.died_len;
	d.n = n_before - s->n_left;
	*ret = d;
	return row_memory(err);
}

int writer_find_deaths(struct writer *r, int64_t run, const struct closed_window *c, int64_t since,
	uint32_t part, uint32_t n_max, struct deaths *ret) {
	uint32_t first = part * FEATURES_PART, left = c->d_sae - first;
	struct span s = {
		.since = since,
		.until = c->step_last,
		.dead_window = c->dead_window,
		.after = c->last + first,
		.first = first,
		.n = left < FEATURES_PART ? left : FEATURES_PART,
		.n_left = n_max,
	};
	struct row row = row_begin(r, STATEMENT_FEATURES_BEFORE);
	row_int(&row, run);
	row_int(&row, part);
	row_int(&row, since);
	row_int(&row, c->attempt);
	row_int(&row, 4 * (int64_t)s.n);
	int rc = row.rc == SQLITE_OK ? sqlite3_step(row.st) : row.rc;
	if (rc == SQLITE_ROW) {
		s.since = sqlite3_column_int64(row.st, 0);
		s.before = sqlite3_column_blob(row.st, 1);
	}
	if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
		rc = put_lists(&r->deaths, &s, ret);
	}
	(void)sqlite3_reset(row.st);
	return rc;
}

int writer_put_deaths(struct writer *r, int64_t run, const struct closed_window *c, uint32_t part,
	const struct deaths *d) {
	const char *lists = (const char *)r->deaths.data;
	struct row row = row_begin(r, STATEMENT_DEATHS);

	row_int(&row, run);
	row_int(&row, c->attempt);
	row_int(&row, c->window);
	row_int(&row, part);
	row_int(&row, d->since);
	row_span(&row, lists, d->died_len);
	if (d->knows_revived) {
		row_span(&row, lists + d->died_len, d->revived_len);
	} else {
		row_null(&row);
	}
	return row_end(&row);
}
