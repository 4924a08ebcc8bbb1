/* The file, read with inih.
 *
 * As distributions build it, inih tells its handler no line numbers, and of the lines it cannot read the number of the
 * first only. So the reader it gets its lines from counts them, and a line that is neither blank, comment nor heading
 * and for which the handler was not called is one that cannot be read. Headings it is not shown: it would cut the name. Lines are handed over without the
 * whitespace before them: to inih, that would be the rest of the value above. */
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings_private.h"
#include "text.h"

#define FILE_LEN_MAX   65536u /* a hundred times what there is to set */
#define SECTION_SIZE   96u    /* "user ", and a name */
#define OPEN_TRIES_MAX 100u   /* nobody replaces a file that often in the time this takes */

struct reading {
	struct settings_loading *loading;
	const char *file; /* kept by the settings */
	const char *at, *end;
	unsigned line;
	bool is_owed;   /* the handler is to be called for this line */
	bool is_passed; /* so are the lines of a section that does not exist: that was said once */
	char section[SECTION_SIZE];        /* "": none yet. inih would cut a long one */
	char user[SECTION_SIZE];           /* whose it is, "" : nobody's */
	unsigned lines[SETTINGS_KEYS_MAX]; /* where each key was given; 0: nowhere yet */
};

static void line_problem(struct reading *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void line_problem(struct reading *r, const char *format, ...) {
	char words[SETTINGS_WORDS_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof words, format, args);
	va_end(args);
	settings_problem(r->loading, "%s:%u: %s", r->file, r->line, words);
}

static bool is_space(char c) {
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

/* The next line without the space around it. */
static struct text next_line(struct reading *r) {
	const char *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
	const char *begin = r->at, *end = newline != NULL ? newline : r->end;

	r->at = newline != NULL ? newline + 1 : r->end;
	r->line++;
	if (r->line == 1 && end - begin >= 3 && memcmp(begin, "\xef\xbb\xbf", 3) == 0) {
		begin += 3; /* some editors mark UTF-8 */
	}
	while (begin < end && is_space(*begin)) {
		begin++;
	}
	while (end > begin && is_space(end[-1])) {
		end--;
	}
	return text_of(begin, (size_t)(end - begin));
}

/* Trimmed; "" when it is longer than any section's, or holds a NUL. */
static void copy_name(char out[SECTION_SIZE], struct text name) {
	while (name.len > 0 && is_space(*name.data)) {
		name = text_of(name.data + 1, name.len - 1);
	}
	while (name.len > 0 && is_space(name.data[name.len - 1])) {
		name.len--;
	}
	bool fits = name.len < SECTION_SIZE && memchr(name.data, '\0', name.len) == NULL;
	snprintf(out, SECTION_SIZE, "%.*s", fits ? (int)name.len : 0, name.data);
}

/* [user NAME]: judged here, and again by who keeps it, which may move. */
static void read_user_heading(struct reading *r, const char *name) {
	char where[SETTINGS_SOURCE_SIZE];

	snprintf(r->user, sizeof r->user, "%s", name);
	settings_source_words((struct settings_source){r->file, r->line}, where);
	r->is_passed = settings_user(r->loading, r->user, where) == NULL;
}

static void read_heading(struct reading *r, struct text line) {
	char words[SETTINGS_WORDS_SIZE];
	const char *end = memchr(line.data, ']', line.len);

	if (end == NULL) {
		line_problem(r, "expected [SECTION]");
		return;
	}
	struct text name = text_of(line.data + 1, (size_t)(end - line.data - 1));
	copy_name(r->section, name);
	r->user[0] = '\0';
	const char *user = settings_user_section(r->section);
	if (user != NULL) {
		read_user_heading(r, user);
		return;
	}
	r->is_passed = !settings_has_section(r->section);
	if (r->is_passed) {
		line_problem(r, "%s", settings_no_such_section(name, words));
	}
}

/* Whether inih is to see it. */
static bool judge_line(struct reading *r, struct text line, size_t len_max) {
	if (line.len == 0 || line.data[0] == '#' || line.data[0] == ';') {
		return false;
	}
	if (line.data[0] == '[') {
		read_heading(r, line); /* of any length; inih has no use for it */
		return false;
	}
	if (r->is_passed) {
		return false;
	}
	const char *flaw = text_flaw(line, false);
	if (flaw != NULL) {
		line_problem(r, "the line %s", flaw);
		return false;
	}
	if (line.len > len_max) {
		line_problem(r, "the line has %zu bytes, there may be %zu", line.len, len_max);
		return false;
	}
	r->is_owed = true;
	return true;
}

static void settle_line(struct reading *r) {
	if (r->is_owed) {
		line_problem(r, "expected NAME = VALUE");
	}
	r->is_owed = false;
}

/* inih's fgets. */
static char *on_reader(char *out, int size, void *user) {
	struct reading *r = user;
	size_t len_max = (size_t)size - 3; /* a newline, a NUL, and not quite full */

	settle_line(r);
	if (r->at == r->end) {
		return NULL;
	}
	struct text line = next_line(r);
	size_t len = judge_line(r, line, len_max) ? line.len : 0;
	memcpy(out, line.data, len);
	memcpy(out + len, "\n", 2);
	return out;
}

static void set_value(struct reading *r, size_t key, const char *value) {
	const struct settings_source source = {r->file, r->line};

	if (r->lines[key] > 0) {
		line_problem(r, "%s: was given in line %u already", settings_keys[key].name,
			r->lines[key]);
		return;
	}
	r->lines[key] = r->line;
	settings_set(r->loading, key, value, source);
}

static void set_value_of_user(struct reading *r, size_t key, const char *value) {
	const struct settings_source source = {r->file, r->line};

	struct user_settings *u = settings_user(r->loading, r->user, r->file);
	if (u == NULL) {
		return;
	}
	struct settings_source before = settings_user_source(u, key);
	if (before.name == r->file) {
		line_problem(r, "%s: was given in line %u already", settings_keys[key].name,
			before.line);
	} else {
		settings_set_user(r->loading, u, key, value, source);
	}
}

/* inih's call for a NAME = VALUE. */
static int on_value(void *user, const char *section, const char *name, const char *value) {
	struct reading *r = user;

	(void)section;
	if (value == NULL) {
		return 1; /* a NAME alone, which some builds let pass */
	}
	r->is_owed = false;
	bool is_user = r->user[0] != '\0';
	char words[SETTINGS_WORDS_SIZE];
	int key = is_user ? settings_find_user_key(name) : settings_find(r->section, name);
	if (r->section[0] == '\0') {
		line_problem(r, "expected a section before it: [wandb]");
	} else if (key < 0) {
		line_problem(r, "%s", settings_no_such_key(r->section, is_user, name, words));
	} else if (is_user) {
		set_value_of_user(r, (size_t)key, value);
	} else {
		set_value(r, (size_t)key, value);
	}
	return 1;
}

/* 0 or -errno. */
static int read_all(int fd, char *out, size_t size, size_t *ret_len) {
	size_t len = 0;
	ssize_t n;

	while (len < size && (n = read(fd, out + len, size - len)) != 0) {
		if (n < 0) {
			return -errno;
		}
		len += (size_t)n;
	}
	*ret_len = len;
	return 0;
}

void settings_read_text(
	struct settings_loading *l, const char *file, const char *text, size_t len) {
	struct reading r = {.loading = l, .file = file, .at = text, .end = text + len};

	if (ini_parse_stream(on_reader, &r, on_value, &r) == -2) {
		settings_no_memory(l);
	}
	settle_line(&r);
}

/* NULL, or why what is open here is not read. */
static const char *find_flaw(const struct stat *st) {
	if (!S_ISREG(st->st_mode) && !S_ISCHR(st->st_mode)) {
		return "is no regular file, which a reload could read again";
	}
	if (S_ISREG(st->st_mode) && (st->st_mode & S_IWOTH) != 0) {
		/* It says where a key is sent. */
		return "may be written by everybody: `chmod o-w` it";
	}
	return NULL;
}

static void read_open_file(struct settings_loading *l, const char *path, int fd) {
	char *text = malloc(FILE_LEN_MAX + 1);
	size_t len = 0;
	struct stat st;

	int err = text == NULL ? -ENOMEM : fstat(fd, &st) < 0 ? -errno : 0;
	if (err == 0 && S_ISDIR(st.st_mode)) {
		err = -EISDIR;
	}
	const char *flaw = err == 0 ? find_flaw(&st) : NULL;
	if (err == 0 && flaw == NULL) {
		err = read_all(fd, text, FILE_LEN_MAX + 1, &len);
	}
	if (err < 0) {
		settings_problem(l, "%s: %s", path, strerror(-err));
		l->err = err;
	} else if (flaw != NULL) {
		settings_problem(l, "%s: %s", path, flaw);
	} else if (len > FILE_LEN_MAX) {
		settings_problem(l, "%s: has more than %u bytes", path, FILE_LEN_MAX);
	} else {
		settings_read_text(l, path, text, len);
	}
	free(text);
}

/* 0 or an errno. What comes (an editor replaces a file) while it is looked for is looked for again, and is missing when that
 * goes on. A link that leads nowhere is there: somebody meant something by it. */
static int open_file(const char *path, int *ret_fd, bool *ret_is_missing) {
	struct stat st;

	for (unsigned n_tries = 0;; n_tries++) {
		/* A pipe is not waited for: neither a start nor a reload may hang on one. */
		int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		int err = fd < 0 ? errno : 0;
		bool is_nowhere = err == ENOENT || err == ENOTDIR;
		bool is_there = is_nowhere && lstat(path, &st) == 0;
		bool comes_and_goes = is_there && !S_ISLNK(st.st_mode);
		if (!comes_and_goes || n_tries == OPEN_TRIES_MAX) {
			*ret_fd = fd;
			*ret_is_missing = is_nowhere && (!is_there || comes_and_goes);
			return err;
		}
	}
}

bool settings_read_file(
	struct settings_loading *l, const char *path, enum settings_presence presence) {
	unsigned n_before = l->n_problems;
	bool is_missing;
	int fd;

	int err = open_file(path, &fd, &is_missing);
	if (is_missing && presence == SETTINGS_MAY_BE) {
		return false;
	}
	const char *name = settings_keep_name(l, &l->settings->files, path);
	if (err != 0) {
		settings_problem(l, "%s: %s", path, strerror(err));
		l->err = -err;
	} else if (name != NULL) {
		read_open_file(l, name, fd);
	}
	if (fd >= 0) {
		close(fd);
	}
	if (l->options->on_file != NULL) {
		l->options->on_file(l->user, path, l->n_problems == n_before);
	}
	return true;
}
