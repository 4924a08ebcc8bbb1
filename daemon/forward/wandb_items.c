#include "wandb_items.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json_members.h"
#include "jsontext.h"

void wandb_items_finish(struct wandb_items *l) {
	buf_finish(&l->text);
}

static void keep(struct wandb_items *l, int err) {
	l->err = l->err < 0 ? l->err : err;
}

/* Between the two the value is written to l->text. */
static void item_begin(struct wandb_items *l, const char *key) {
	keep(l, buf_append(&l->text, key, strlen(key) + 1));
	l->count++;
}

static void item_end(struct wandb_items *l) {
	keep(l, buf_append(&l->text, "", 1));
}

void wandb_items_add_json(struct wandb_items *l, const char *key, struct text json) {
	item_begin(l, key);
	keep(l, buf_append(&l->text, json.data, json.len));
	item_end(l);
}

void wandb_items_add_integer(struct wandb_items *l, const char *key, int64_t value) {
	item_begin(l, key);
	keep(l, buf_printf(&l->text, "%lld", (long long)value));
	item_end(l);
}

void wandb_items_add_known(struct wandb_items *l, const char *key, double value) {
	if (isfinite(value)) {
		item_begin(l, key);
		keep(l, json_write_bare_number(&l->text, value));
		item_end(l);
	}
}

void wandb_items_add_value(struct wandb_items *l, const char *key, const struct value *value) {
	item_begin(l, key);
	keep(l, json_write_bare_value(&l->text, value));
	item_end(l);
}

void wandb_items_add_members(
	struct wandb_items *l, struct text object, wandb_choose_fn choose, const void *user) {
	struct text key, value;

	if (!json_is_object(object)) {
		keep(l, -EINVAL);
		return;
	}
	for (size_t at = 0; l->err == 0 && json_next_member(object, &at, &key, &value);) {
		char *plain = json_unescape(key);
		if (plain == NULL) {
			keep(l, -ENOMEM);
		} else if (choose(user, plain, &value)) {
			wandb_items_add_json(l, plain, value);
		}
		free(plain);
	}
}

static bool open_envelope(const void *user, const char *key, struct text *value) {
	struct text envelope = *value, name;
	size_t at = 0;
	(void)user;

	/* An item without a name would be one without a place. */
	return key[0] != '\0' && json_next_member(envelope, &at, &name, value);
}

void wandb_items_add_config(struct wandb_items *l, struct text config) {
	wandb_items_add_members(l, config, open_envelope, NULL);
}

Wandb__Item **wandb_items_list(struct wandb_items *l) {
	size_t size = l->count * (sizeof(Wandb__Item *) + sizeof(Wandb__Item));
	Wandb__Item **list = l->err < 0 || size == 0 ? NULL : malloc(size);

	if (list == NULL) {
		keep(l, size == 0 ? 0 : -ENOMEM);
		return NULL;
	}
	Wandb__Item *items = (Wandb__Item *)(list + l->count);
	char *at = (char *)l->text.data;
	for (size_t i = 0; i < l->count; i++) {
		wandb__item__init(&items[i]);
		items[i].key = at;
		at += strlen(at) + 1;
		items[i].value_json = at;
		at += strlen(at) + 1;
		list[i] = &items[i];
	}
	return list;
}
