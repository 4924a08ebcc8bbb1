/* Parts of the JSON that commands print of other documents. NULL is one that could not be made: whoever puts it notices. */
#pragma once

#include <jansson.h>

/* As the status document has it: what is not finite is a text. */
json_t *json_part_number(double value);

/* The value itself, for a second place; null for NULL. */
json_t *json_part_value(const json_t *value);
/* The same of a member. */
json_t *json_part_member(const json_t *object, const char *name);
/* An object of those members; NULL ends the names. */
json_t *json_part_members(const json_t *object, const char *const *names);
