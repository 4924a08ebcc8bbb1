/* libcurl, loaded where something is sent: with it come thirty libraries more, which would cost every `status` more time
 * than all else that it does, and a daemon that forwards nothing their memory. */
#pragma once

#include <curl/curl.h>

#define LIBCURL_FUNCTIONS(X)                                                                       \
	X(global_init)                                                                             \
	X(version_info)                                                                            \
	X(free)                                                                                    \
	X(easy_init)                                                                               \
	X(easy_cleanup)                                                                            \
	X(easy_duphandle)                                                                          \
	X(easy_setopt)                                                                             \
	X(easy_getinfo)                                                                            \
	X(easy_header)                                                                             \
	X(easy_strerror)                                                                           \
	X(multi_init)                                                                              \
	X(multi_cleanup)                                                                           \
	X(multi_setopt)                                                                            \
	X(multi_add_handle)                                                                        \
	X(multi_remove_handle)                                                                     \
	X(multi_info_read)                                                                         \
	X(multi_socket_action)                                                                     \
	X(multi_assign)                                                                            \
	X(slist_append)                                                                            \
	X(slist_free_all)                                                                          \
	X(url)                                                                                     \
	X(url_set)                                                                                 \
	X(url_get)                                                                                 \
	X(url_cleanup)

struct libcurl { /* its functions, under their names without curl_ */
#define LIBCURL_FIELD(name) __typeof__(curl_##name) *(name);
	LIBCURL_FUNCTIONS(LIBCURL_FIELD)
#undef LIBCURL_FIELD
};

/* What the dynamic loader finds under this name stays in the process: a thread that still looks up a name outlives its
 * request. 0 or -ELIBACC, with the words of what is missing. */
int libcurl_load(const char *file, struct libcurl *ret, char ret_words[256]);
