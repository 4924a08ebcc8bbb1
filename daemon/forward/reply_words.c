#include "reply_words.h"

#include <string.h>
#include <strings.h>

#include "text.h"

#define UNREADABLE "\xef\xbf\xbd" /* U+FFFD */
#define READ_MAX   65536u         /* what says nothing by then would only keep the loop busy */

void reply_words_begin(struct reply_words *w, char out[REPLY_WORDS_MAX]) {
	out[0] = '\0';
	*w = (struct reply_words){.out = out};
}

static void add_character(struct reply_words *w, const char *bytes, size_t len) {
	size_t space = w->gap && w->len > 0 ? 1 : 0;

	if (w->full || w->len + space + len >= REPLY_WORDS_MAX) {
		w->full = true;
		return;
	}
	if (space > 0) {
		w->out[w->len++] = ' ';
	}
	memcpy(w->out + w->len, bytes, len);
	w->len += len;
	w->out[w->len] = '\0';
	w->gap = false;
}

/* How long the character is that a text begins with; 0: it is none. */
static size_t character_len(struct text text) {
	for (size_t len = 1; len <= 4 && len <= text.len; len++) {
		if (text_flaw(text_of(text.data, len), false) == NULL) {
			return len;
		}
	}
	return 0;
}

static bool is_blank(const char *bytes, size_t len) {
	return *bytes == ' ' || text_flaw(text_of(bytes, len), true) != NULL;
}

/* One character; how many bytes that were. A run of broken bytes is one. */
static size_t add_next(struct reply_words *w, struct text text) {
	size_t len = character_len(text);
	if (len == 0 && *text.data != '\0') {
		do {
			len++;
		} while (len < text.len && text.data[len] != '\0' &&
			 character_len(text_of(text.data + len, text.len - len)) == 0);
		add_character(w, UNREADABLE, strlen(UNREADABLE));
		return len;
	}
	if (len == 0 || is_blank(text.data, len)) {
		w->gap = true;
		return len > 0 ? len : 1;
	}
	add_character(w, text.data, len);
	return len;
}

static struct text beginning(struct text text) {
	return text_of(text.data, text.len < READ_MAX ? text.len : READ_MAX);
}

static void add_plain(struct reply_words *w, struct text text) {
	for (size_t i = 0; i < text.len && !w->full;) {
		i += add_next(w, text_of(text.data + i, text.len - i));
	}
}

void reply_words_add(struct reply_words *w, struct text text) {
	add_plain(w, beginning(text));
}

/* ---- pages ---- */

static bool begins_with(struct text text, const char *word) {
	size_t len = strlen(word);

	return text.len >= len && strncasecmp(text.data, word, len) == 0;
}

/* How far it is to the end of the first `word`, or of all. */
static size_t behind(struct text text, const char *word) {
	for (size_t i = 0; i < text.len; i++) {
		if (begins_with(text_of(text.data + i, text.len - i), word)) {
			return i + strlen(word);
		}
	}
	return text.len;
}

/* What a text begins with that is not for reading; 0: nothing. */
static size_t markup_len(struct text text) {
	static const struct {
		const char *opening, *closing;
	} unreadable[] = {
		{"<!--", "-->"},
		{"<script", "</script>"},
		{"<style", "</style>"},
		{"<!", ">"},
		{"</", ">"},
	};

	for (size_t i = 0; i < sizeof unreadable / sizeof *unreadable; i++) {
		if (begins_with(text, unreadable[i].opening)) {
			return behind(text, unreadable[i].closing);
		}
	}
	bool is_tag = text.len > 1 && text.data[0] == '<' &&
		      ((text.data[1] | 0x20) >= 'a' && (text.data[1] | 0x20) <= 'z');
	return is_tag ? behind(text, ">") : 0;
}

static bool is_page(struct text text) {
	size_t i = 0;

	while (i < text.len && memchr(" \t\r\n", text.data[i], 4) != NULL) {
		i++;
	}
	return i < text.len && text.data[i] == '<';
}

static void add_page(struct reply_words *w, struct text page) {
	for (size_t i = 0; i < page.len && !w->full;) {
		struct text rest = text_of(page.data + i, page.len - i);
		size_t markup = markup_len(rest);
		if (markup > 0) {
			w->gap = true;
		}
		i += markup > 0 ? markup : add_next(w, rest);
	}
}

void reply_words_add_body(struct reply_words *w, struct text body) {
	struct text read = beginning(body);

	if (is_page(read)) {
		add_page(w, read);
	} else {
		add_plain(w, read);
	}
}
