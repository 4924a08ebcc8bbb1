#include "cell.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "document.h"
#include "json_text.h"
#include "repr.h"

#define MICROSECONDS 1000000.0
/* The years that RFC 3339 has four digits for: 0001 to 9999. */
#define TIME_MIN (-62135596800.0)
#define TIME_MAX 253402300799.0

struct cell cell_of_column(sqlite3_stmt *st, int at) {
	struct cell c = {0};

	switch (sqlite3_column_type(st, at)) {
	case SQLITE_INTEGER:
		c.kind = CELL_INTEGER;
		c.integer = sqlite3_column_int64(st, at);
		break;
	case SQLITE_FLOAT:
		c.kind = CELL_REAL;
		c.real = sqlite3_column_double(st, at);
		break;
	case SQLITE_TEXT:
		c.kind = CELL_TEXT;
		c.bytes = (const char *)sqlite3_column_text(st, at);
		c.len = (size_t)sqlite3_column_bytes(st, at);
		break;
	case SQLITE_BLOB:
		c.kind = CELL_BLOB;
		c.bytes = sqlite3_column_blob(st, at);
		c.len = (size_t)sqlite3_column_bytes(st, at);
		break;
	default:
		break;
	}
	return c;
}

static struct cell cell_of_object(const json_t *value) {
	const char *hex = document_text(value, "blob");
	struct cell c = {0};

	if (hex != NULL) {
		return (struct cell){.kind = CELL_TEXT, .bytes = hex, .len = strlen(hex)};
	}
	c.kind = document_number(value, "real", &c.real) ? CELL_REAL : CELL_NULL;
	return c;
}

struct cell cell_of_json(const json_t *value) {
	switch (json_typeof(value)) {
	case JSON_INTEGER:
		return (struct cell){.kind = CELL_INTEGER, .integer = json_integer_value(value)};
	case JSON_REAL:
		return (struct cell){.kind = CELL_REAL, .real = json_real_value(value)};
	case JSON_STRING:
		return (struct cell){.kind = CELL_TEXT,
			.bytes = json_string_value(value),
			.len = json_string_length(value)};
	case JSON_OBJECT:
		return cell_of_object(value);
	default:
		return (struct cell){0};
	}
}

/* ---- what both have ---- */

static int put(struct buf *out, const char *text) {
	return buf_append(out, text, strlen(text));
}

static int put_hex(struct buf *out, const struct cell *c) {
	int err = 0;

	for (size_t i = 0; err == 0 && i < c->len; i++) {
		err = buf_printf(out, "%02x", (unsigned char)c->bytes[i]);
	}
	return err;
}

/* To the microsecond, which is what clocks have. False: no calendar has such a day. */
static bool write_time(char out[48], double time) {
	struct tm tm;
	double whole = floor(time);
	long micro = lround((time - whole) * MICROSECONDS);

	if (!(time >= TIME_MIN && time <= TIME_MAX)) {
		return false;
	}
	time_t seconds = (time_t)whole + (micro == (long)MICROSECONDS);
	micro %= (long)MICROSECONDS;
	if (gmtime_r(&seconds, &tm) == NULL) {
		return false;
	}
	size_t n = strftime(out, 48, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(out + n, 48 - n, ".%06ldZ", micro);
	return true;
}

/* ---- CSV ---- */

static bool begins_cell(char before) {
	return before == ';' || before == '\t' || before == '\n' || before == '\r';
}

/* How long the one of them is that the text begins with; 0: it begins with none. NULL ends them. */
static size_t begins_with(const char *text, const char *end, const char *const *words) {
	for (; *words != NULL; words++) {
		size_t len = strlen(*words);
		if ((size_t)(end - text) >= len && memcmp(text, *words, len) == 0) {
			return len;
		}
	}
	return 0;
}

/* What a spreadsheet may pass over at a cell's beginning; behind a line's end another begins. The last three are a no-break space, an
 * ideographic one, and a byte order mark. */
static size_t passed_over(const char *text, const char *end) {
	static const char *const words[] = {
		"'", "\"", " ", "\x7f", "\xc2\xa0", "\xe3\x80\x80", "\xef\xbb\xbf", NULL};
	bool is_control = text < end && (unsigned char)*text < ' ' && !begins_cell(*text);

	return is_control ? 1 : begins_with(text, end, words);
}

/* The last four are the wide forms of the first, which some take for the same. */
static bool is_formula(const char *text, const char *end) {
	static const char *const words[] = {"=", "+", "-", "@", "\t", "\r", "\xef\xbc\x9d",
		"\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0", NULL};
	size_t len;

	while ((len = passed_over(text, end)) > 0) {
		text += len;
	}
	return begins_with(text, end, words) > 0;
}

static int put_field_text(struct buf *out, const char *text, size_t len) {
	const char *end = text + len;
	int err = buf_reserve(out, 2 * len + 2);

	if (err == 0) {
		err = put(out, "\"");
	}
	for (const char *p = text; err == 0 && p < end; p++) {
		if ((p == text || begins_cell(p[-1])) && is_formula(p, end)) {
			err = put(out, "'");
		}
		err = err < 0 ? err : *p == '"' ? put(out, "\"\"") : buf_append(out, p, 1);
	}
	return err < 0 ? err : put(out, "\"");
}

static bool is_plain(const char *text, size_t len) {
	for (size_t i = 0; i < len; i++) {
		if (memchr(",\"\r\n;\t", text[i], 6) != NULL) {
			return false;
		}
	}
	return len > 0 && text[0] != ' ' && text[len - 1] != ' ' && !is_formula(text, text + len);
}

static int put_number(struct buf *out, double value) {
	char number[REPR_MAX];

	return put(out, repr_double(number, value));
}

int cell_put_csv(struct buf *out, const struct cell *c) {
	char time[48];

	switch (c->kind) {
	case CELL_INTEGER:
		return buf_printf(out, "%" PRId64, c->integer);
	case CELL_REAL:
		return put_number(out, c->real);
	case CELL_TIME:
		return write_time(time, c->real) ? put(out, time) : put_number(out, c->real);
	case CELL_TEXT:
	case CELL_JSON:
		return is_plain(c->bytes, c->len) ? buf_append(out, c->bytes, c->len)
						  : put_field_text(out, c->bytes, c->len);
	case CELL_BLOB:
		return c->len > 0 ? put_hex(out, c) : put(out, "\"\"");
	default:
		return 0;
	}
}

/* ---- JSON ---- */

/* The length of the character at `p`, 0 where there is none: what is too long for what it says, beyond U+10FFFF, or half of a pair. */
static size_t utf8_len(const unsigned char *p, size_t left) {
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = p[0] < 0x80   ? 1
		     : p[0] < 0xc2 ? 0
		     : p[0] < 0xe0 ? 2
		     : p[0] < 0xf0 ? 3
		     : p[0] < 0xf5 ? 4
				   : 0;
	uint32_t code = p[0] & (0xffu >> (len + 1));

	if (len <= 1 || len > left) {
		return len <= left ? len : 0;
	}
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			return 0;
		}
		code = code << 6 | (p[i] & 0x3fu);
	}
	return code < least[len] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : len;
}

static size_t utf8_run(const unsigned char *text, size_t len) {
	size_t at = 0, n;

	while (at < len && (n = utf8_len(text + at, len - at)) > 0) {
		at += n;
	}
	return at;
}

int cell_put_json_text(struct buf *out, const char *text, size_t len) {
	struct buf mended = {0};
	size_t good = utf8_run((const unsigned char *)text, len);
	int err = 0;

	if (good == len) {
		return json_put_text(out, text, len);
	}
	while (err == 0 && len > 0) {
		err = buf_append(&mended, text, good);
		if (err == 0 && good < len) {
			err = put(&mended, "\xef\xbf\xbd");
			good++;
		}
		text += good;
		len -= good;
		good = utf8_run((const unsigned char *)text, len);
	}
	err = err < 0 ? err : json_put_text(out, (const char *)mended.data, mended.len);
	buf_finish(&mended);
	return err;
}

static bool is_json(const char *text, size_t len) {
	json_t *value = json_loadb(text, len, JSON_DECODE_ANY, NULL);
	bool is = value != NULL;

	json_decref(value);
	/* A line's end between its members would end the line that it is to stand on. */
	return is && memchr(text, '\n', len) == NULL && memchr(text, '\r', len) == NULL;
}

static int put_json_blob(struct buf *out, const struct cell *c) {
	int err = put(out, "\"");

	err = err < 0 ? err : put_hex(out, c);
	return err < 0 ? err : put(out, "\"");
}

static int put_json_time(struct buf *out, double value) {
	char time[48];

	return write_time(time, value) ? json_put_text(out, time, strlen(time))
				       : json_put_number(out, value);
}

int cell_put_json(struct buf *out, const struct cell *c) {
	switch (c->kind) {
	case CELL_INTEGER:
		return buf_printf(out, "%" PRId64, c->integer);
	case CELL_REAL:
		return json_put_number(out, c->real);
	case CELL_TIME:
		return put_json_time(out, c->real);
	case CELL_JSON:
		return is_json(c->bytes, c->len) ? buf_append(out, c->bytes, c->len)
						 : cell_put_json_text(out, c->bytes, c->len);
	case CELL_TEXT:
		return cell_put_json_text(out, c->bytes, c->len);
	case CELL_BLOB:
		return put_json_blob(out, c);
	default:
		return put(out, "null");
	}
}
