#include "libcurl.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	size_t offset;
} functions[] = {
#define LIBCURL_ENTRY(name) {"curl_" #name, offsetof(struct libcurl, name)},
	LIBCURL_FUNCTIONS(LIBCURL_ENTRY)
#undef LIBCURL_ENTRY
};

/* The loader's words name the library, and what of it. */
static int cannot(char ret_words[256]) {
	snprintf(ret_words, 256, "libcurl cannot be loaded: %s", dlerror());
	return -ELIBACC;
}

int libcurl_load(const char *file, struct libcurl *ret, char ret_words[256]) {
	struct libcurl loaded;
	void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);

	if (library == NULL) {
		return cannot(ret_words);
	}
	for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
		void *function = dlsym(library, functions[i].name);
		if (function == NULL) {
			return cannot(ret_words);
		}
		memcpy((char *)&loaded + functions[i].offset, &function, sizeof function);
	}
	*ret = loaded;
	return 0;
}
