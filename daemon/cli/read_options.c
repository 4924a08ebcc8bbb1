#include "read_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "json_write.h"
#include "output_file.h"
#include "subcommand.h"

int read_options_wrong(const struct read_options *o, const char *what, const char *which) {
	return arguments_wrong(o->command, what, which);
}

static int take_database(struct read_options *o, const char *path) {
	int err = database_list_add(&o->source.files, path);

	if (err == 0) {
		return EXIT_OK;
	}
	fprintf(stderr, "sae-metricsd %s: %s: %s\n", o->command, path,
		err == -ENOENT ? "no *.db in this folder" : strerror(-err));
	return EXIT_FAILED;
}

static int take_colour(struct read_options *o, const char *word) {
	int colour = colour_choice_parse(word);

	if (colour < 0) {
		return read_options_wrong(o, "--color is auto, always or never, not ", word);
	}
	o->colour = (enum colour_choice)colour;
	return EXIT_OK;
}

int read_options_take(struct read_options *o, int option, const char *word) {
	switch (option) {
	case READ_OPTION_DB:
		return take_database(o, optarg);
	case READ_OPTION_SOCKET:
		o->source.socket = optarg;
		return EXIT_OK;
	case READ_OPTION_COLOR:
		return take_colour(o, optarg);
	case READ_OPTION_JSON:
		o->json = true;
		return EXIT_OK;
	case READ_OPTION_OUTPUT:
		o->file = optarg;
		return EXIT_OK;
	case 'h':
		o->help = true;
		return EXIT_OK;
	default:
		return arguments_unknown(o->command, option, word);
	}
}

int read_options_take_word(struct read_options *o, const char *word, bool *ret_is_database) {
	if (word[0] == '\0') { /* a variable of a script's that is not set: part of every name */
		return read_options_wrong(o, "RUN is empty", "");
	}
	*ret_is_database = o->source.files.n > 0 && access(word, F_OK) == 0;
	return *ret_is_database ? take_database(o, word) : EXIT_OK;
}

int read_options_take_run(struct read_options *o, const char *word) {
	bool is_database = false;
	int status = read_options_take_word(o, word, &is_database);

	if (status != EXIT_OK || is_database) {
		return status;
	}
	if (o->source.run_part) {
		return read_options_wrong(o, "one RUN at most; what is ", word);
	}
	o->source.run_part = word;
	return EXIT_OK;
}

void read_options_finish(struct read_options *o) {
	database_list_finish(&o->source.files);
}

int read_options_print(const struct read_options *o, const char *text, size_t len) {
	int err = 0;

	if (o->file != NULL) {
		err = output_file_write(o->file, text, len);
	} else if (fwrite(text, 1, len, stdout) != len || fflush(stdout) != 0) {
		err = -errno;
	}
	if (err < 0) {
		fprintf(stderr, "sae-metricsd %s: cannot write%s%s: %s\n", o->command,
			o->file != NULL ? " " : "", o->file != NULL ? o->file : "", strerror(-err));
	}
	return err < 0 ? EXIT_FAILED : EXIT_OK;
}

static int no_memory(const struct read_options *o) {
	fprintf(stderr, "sae-metricsd %s: %s\n", o->command, strerror(ENOMEM));
	return EXIT_FAILED;
}

int read_options_print_json(const struct read_options *o, const json_t *document) {
	struct buf out = {0};
	int err = document != NULL ? json_write(&out, document, JSON_FOR_PEOPLE) : -ENOMEM;

	err = err == 0 ? buf_append(&out, "\n", 1) : err;
	int status =
		err == 0 ? read_options_print(o, (const char *)out.data, out.len) : no_memory(o);
	buf_finish(&out);
	return status;
}

struct look read_options_look(const struct read_options *o) {
	/* What goes into a file is for no terminal. */
	return terminal_look(o->file != NULL ? -1 : STDOUT_FILENO, o->colour);
}

void read_options_begin_page(const struct read_options *o, struct page *ret) {
	const struct look look = read_options_look(o);

	page_init(ret, &look);
}

int read_options_end_page(const struct read_options *o, struct page *page) {
	const char *text = page_text(page);
	int status = text != NULL ? read_options_print(o, text, page->out.len) : no_memory(o);

	page_finish(page);
	return status;
}

bool read_options_begin_remarks(const struct read_options *o, struct page *ret) {
	struct look look = terminal_look(STDERR_FILENO, o->colour);

	if (!o->json && read_options_look(o).screen) {
		return false;
	}
	look.width = 0;
	page_init(ret, &look);
	return true;
}

void read_options_end_remarks(struct page *page) {
	const char *text = page_text(page);

	fputs(text ? text : "", stderr);
	page_finish(page);
}
