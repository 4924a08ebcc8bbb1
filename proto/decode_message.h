/* The readers of single messages, which decode.c calls by type. seq, where there is one, is in the error. */
#pragma once

#include "fields.h"

bool decode_open(struct fields *f, struct message *ret);
bool decode_step(struct fields *f, struct message *ret);
bool decode_log(struct fields *f, struct message *ret);
bool decode_event(struct fields *f, struct message *ret);
bool decode_mark(struct fields *f, struct message *ret);
bool decode_restore(struct fields *f, struct message *ret);
bool decode_update(struct fields *f, struct message *ret);
bool decode_dropped(struct fields *f, struct message *ret);
bool decode_finish(struct fields *f, struct message *ret);
