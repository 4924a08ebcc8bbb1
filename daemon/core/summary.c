#include "summary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "json_members.h"
#include "jsontext.h"
#include "wandb_line.h"

enum entry_kind {
	ENTRY_FLOAT = 1,
	ENTRY_INT = 2,
	ENTRY_JSON = 3, /* texts and histograms, written once */
};

struct summary_entry {
	char *key;
	uint32_t hash;
	uint16_t next; /* in its bucket: index + 1, 0 ends */
	bool overlaid; /* set by the trainer itself */
	bool is_ours;  /* none of the profile's keys, and not logged by the trainer */
	enum entry_kind kind;
	union {
		double number;
		int64_t integer;
		char *json;
	};
};

static size_t entry_bytes(const struct summary_entry *e) {
	return sizeof *e + strlen(e->key) + (e->kind == ENTRY_JSON ? strlen(e->json) : 0);
}

static void entry_clear(struct summary_entry *e) {
	if (e->kind == ENTRY_JSON) {
		free(e->json);
	}
	e->kind = ENTRY_INT;
	e->integer = 0;
}

void summary_finish(struct summary *s) {
	for (uint32_t i = 0; i < s->count; i++) {
		entry_clear(&s->entries[i]);
		free(s->entries[i].key);
	}
	free(s->entries);
	*s = (struct summary){0};
}

static struct summary_entry *find(const struct summary *s, const char *key, uint32_t hash) {
	uint16_t at = s->bucket[hash % SUMMARY_BUCKETS];

	while (at != 0) {
		struct summary_entry *e = &s->entries[at - 1];
		if (e->hash == hash && strcmp(e->key, key) == 0) {
			return e;
		}
		at = e->next;
	}
	return NULL;
}

static int add(struct summary *s, const char *key, uint32_t hash, struct summary_entry **ret) {
	if (s->count == s->cap) {
		uint32_t cap = s->cap == 0 ? 32 : s->cap * 2;
		struct summary_entry *entries = realloc(s->entries, cap * sizeof *entries);
		if (entries == NULL) {
			return -ENOMEM;
		}
		s->entries = entries;
		s->cap = cap;
	}
	char *copy = strdup(key);
	if (copy == NULL) {
		return -ENOMEM;
	}
	uint16_t *bucket = &s->bucket[hash % SUMMARY_BUCKETS];
	struct summary_entry *e = &s->entries[s->count++];
	*e = (struct summary_entry){.key = copy, .hash = hash, .next = *bucket, .kind = ENTRY_INT};
	*bucket = (uint16_t)s->count;
	s->bytes += entry_bytes(e);
	*ret = e;
	return 0;
}

/* The entry to be given a value, or NULL in *ret when there is no room for `size` more. */
static int claim(struct summary *s, const char *key, size_t size, struct summary_entry **ret) {
	uint32_t hash = hash_text(key);
	struct summary_entry *e = find(s, key, hash);
	size_t more = size + (e == NULL ? sizeof *e + strlen(key) : 0);
	bool room = s->bytes + more <= SUMMARY_BYTES_MAX;

	*ret = NULL;
	if (!room || (e == NULL && s->count == SUMMARY_KEYS_MAX)) {
		return 0;
	}
	if (e != NULL) {
		*ret = e;
		return 0;
	}
	return add(s, key, hash, ret);
}

static void entry_give(struct summary *s, struct summary_entry *e, enum entry_kind kind, char *json,
	double number, int64_t integer) {
	s->bytes -= entry_bytes(e);
	entry_clear(e);
	e->kind = kind;
	if (kind == ENTRY_JSON) {
		e->json = json;
	} else if (kind == ENTRY_FLOAT) {
		e->number = number;
	} else {
		e->integer = integer;
	}
	s->bytes += entry_bytes(e);
	s->changed = true;
}

/* Takes json. */
static int set_json(struct summary *s, const char *key, char *json, bool overlaid) {
	struct summary_entry *e;
	int err = claim(s, key, strlen(json), &e);
	if (err < 0 || e == NULL || (e->overlaid && !overlaid)) {
		free(json);
		return err;
	}
	e->overlaid = overlaid;
	e->is_ours = e->is_ours && !overlaid;
	entry_give(s, e, ENTRY_JSON, json, 0, 0);
	return 0;
}

static int set_written(struct summary *s, const char *key, const struct value *value) {
	struct buf json = {0};
	if (json_write_value(&json, value) < 0 || buf_append(&json, "", 1) < 0) {
		buf_finish(&json);
		return -ENOMEM;
	}
	return set_json(s, key, (char *)json.data, false);
}

static int set_number(struct summary *s, const char *key, const struct value *value) {
	struct summary_entry *e;
	int err = claim(s, key, 0, &e);
	if (err < 0 || e == NULL || e->overlaid) {
		return err;
	}
	if (value->kind == VALUE_FLOAT) {
		entry_give(s, e, ENTRY_FLOAT, NULL, value->number, 0);
	} else {
		entry_give(s, e, ENTRY_INT, NULL, 0, value->integer);
	}
	return 0;
}

int summary_set(struct summary *s, const char *key, const struct value *value, bool is_ours) {
	bool is_number = value->kind == VALUE_FLOAT || value->kind == VALUE_INT;
	int err = is_number ? set_number(s, key, value) : set_written(s, key, value);
	struct summary_entry *e = find(s, key, hash_text(key));
	if (e != NULL && !e->overlaid) {
		e->is_ours = is_ours;
	}
	return err;
}

int summary_overlay(struct summary *s, struct text object) {
	struct text key, value;

	for (size_t at = 0; json_next_member(object, &at, &key, &value);) {
		char *plain = json_unescape(key);
		char *json = strndup(value.data, value.len);
		int err = plain != NULL && json != NULL ? 0 : -ENOMEM;
		if (err == 0) {
			err = set_json(s, plain, json, true);
			json = NULL;
		}
		free(plain);
		free(json);
		if (err < 0) {
			return err;
		}
	}
	return 0;
}

static int entry_write(const struct summary_entry *e, bool bare, struct buf *out) {
	int err = json_write_text(out, text_of(e->key, strlen(e->key)));
	err = err < 0 ? err : buf_append(out, ":", 1);
	if (err < 0) {
		return err;
	}
	switch (e->kind) {
	case ENTRY_FLOAT:
		return bare ? json_write_bare_number(out, e->number)
			    : json_write_number(out, e->number);
	case ENTRY_INT:
		return buf_printf(out, "%lld", (long long)e->integer);
	case ENTRY_JSON:
		return buf_append(out, e->json, strlen(e->json));
	}
	return 0;
}

/* W&B's own keys stand in a summary for it once, and not for what somebody logged. */
static bool is_for_wandb(const struct summary_entry *e, bool with_ours) {
	return (!e->is_ours || with_ours) && !wandb_line_reserves(e->key) &&
	       strcmp(e->key, "_wandb") != 0;
}

static int write_entries(const struct summary *s, bool bare, bool with_ours, struct buf *out) {
	bool is_first = true;
	int err = buf_append(out, "{", 1);
	for (uint32_t i = 0; i < s->count && err == 0; i++) {
		const struct summary_entry *e = &s->entries[i];
		if (bare && !is_for_wandb(e, with_ours)) {
			continue;
		}
		err = is_first ? 0 : buf_append(out, ",", 1);
		err = err < 0 ? err : entry_write(e, bare, out);
		is_first = false;
	}
	return err < 0 ? err : buf_append(out, "}", 1);
}

int summary_write(const struct summary *s, struct buf *out) {
	return write_entries(s, false, true, out);
}

int summary_write_bare(const struct summary *s, bool with_ours, struct buf *out) {
	return write_entries(s, true, with_ours, out);
}

void summary_pack(const struct summary *s, struct packer *p) {
	pack_u32(p, s->count);
	for (uint32_t i = 0; i < s->count; i++) {
		const struct summary_entry *e = &s->entries[i];
		pack_text(p, e->key);
		pack_u8(p, e->overlaid);
		pack_u8(p, e->is_ours);
		pack_u8(p, (uint8_t)e->kind);
		switch (e->kind) {
		case ENTRY_FLOAT:
			pack_f64(p, e->number);
			break;
		case ENTRY_INT:
			pack_u64(p, (uint64_t)e->integer);
			break;
		case ENTRY_JSON:
			pack_text(p, e->json);
			break;
		}
	}
}

static void entry_unpack(struct summary *s, struct unpacker *u) {
	char *key = unpack_string(u);
	struct summary_entry *e = NULL;
	if (key == NULL || add(s, key, hash_text(key), &e) < 0) {
		u->failed = true;
		free(key);
		return;
	}
	free(key);
	e->overlaid = unpack_bool(u);
	e->is_ours = unpack_bool(u);
	uint8_t kind = unpack_u8(u);
	if (kind == ENTRY_FLOAT) {
		entry_give(s, e, ENTRY_FLOAT, NULL, unpack_f64(u), 0);
	} else if (kind == ENTRY_INT) {
		entry_give(s, e, ENTRY_INT, NULL, 0, (int64_t)unpack_u64(u));
	} else {
		char *json = kind == ENTRY_JSON ? unpack_string(u) : NULL;
		if (json == NULL) {
			u->failed = true;
			return;
		}
		entry_give(s, e, ENTRY_JSON, json, 0, 0);
	}
}

void summary_unpack(struct summary *s, struct unpacker *u) {
	uint32_t count = unpack_u32_max(u, SUMMARY_KEYS_MAX);

	for (uint32_t i = 0; i < count && !u->failed; i++) {
		entry_unpack(s, u);
	}
	s->changed = false;
}
