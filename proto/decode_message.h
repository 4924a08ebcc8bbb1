/* The readers of the two messages that are more than a few fields. decode.c calls them. */
#pragma once

#include "fields.h"

bool decode_open(struct fields *f, struct message *ret);
bool decode_log(struct fields *f, struct message *ret);
