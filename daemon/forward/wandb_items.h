/* Names and values on their way into a record: the items of a row, of a config, of a summary. */
#pragma once

#include <stdbool.h>
#include <wandb_record.pb-c.h>

#include "buf.h"
#include "message.h"

/* Zeroed is empty. The first error stays: it is for whoever takes the list to look at. */
struct wandb_items {
	struct buf text; /* names and values in turn, each with a NUL behind it */
	size_t count;
	int err;
};

void wandb_items_finish(struct wandb_items *l);

void wandb_items_add_json(struct wandb_items *l, const char *key, struct text json);
void wandb_items_add_integer(struct wandb_items *l, const char *key, int64_t value);
/* Of what is not known, a number that is not finite, there is no item. */
void wandb_items_add_known(struct wandb_items *l, const char *key, double value);
void wandb_items_add_value(struct wandb_items *l, const char *key, const struct value *value);

/* The members of a JSON object under their plain names, those that `choose` says yes to; it may change the value.
 * Anything else than an object is -EINVAL. */
typedef bool (*wandb_choose_fn)(const void *user, const char *key, struct text *value);
void wandb_items_add_members(
	struct wandb_items *l, struct text object, wandb_choose_fn choose, const void *user);

/* A config as payload_config writes it: what stands in each of its envelopes. */
void wandb_items_add_config(struct wandb_items *l, struct text config);

/* The list as protobuf-c wants it, to be freed; its texts are those of `l`. NULL when the list is empty, or when
 * l->err says why. */
Wandb__Item **wandb_items_list(struct wandb_items *l);
