/* Whom to believe when nobody says. libcurl knows where the distribution that it was built on keeps its list; in a wheel it may
 * run on another one, which keeps it elsewhere. */
#pragma once

#include <stdbool.h>

/* The list to name to libcurl, whose own is `own` (NULL: it has none); NULL: its own will do, or there is none at all. */
const char *http_trust_choose(const char *own, bool (*is_there)(const char *path));

/* The same, on this machine. */
const char *http_trust_find(const char *own);
