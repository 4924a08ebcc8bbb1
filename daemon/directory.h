/* Names of users and the administrators' group, for the engine: joins it with the lookups, which never hold it up. */
#pragma once

#include <uv.h>

#include "access.h"
#include "closing.h"

struct settings;
struct directory;
struct engine;

/* What is set about access, which it takes over the parts of. 0 or -errno. The group has a moment to be found; one that is not
 * there has no members, and one that is found later counts from then on. */
int directory_open(uv_loop_t *loop, const struct settings *settings, struct directory **ret);
/* To be told what is found later. */
void directory_attach(struct directory *d, struct engine *engine);
/* The engine is gone: what is found now is told nobody. NULL: nothing to detach. */
void directory_detach(struct directory *d);
struct access_rules directory_rules(const struct directory *d);
/* What is set has changed: the engine is told, once more when the group is found. */
void directory_reload(struct directory *d, const struct settings *settings);
/* An engine_options.user_name: NULL where he has none, or it comes later. Its user is the directory. */
const char *directory_user_name(void *directory, uint32_t uid);
/* NULL: nothing to close. */
void directory_close(struct directory *d, struct closing *closing);
