#include "extras.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void extras_finish(struct extras *e) {
	for (uint32_t i = 0; i < e->count; i++) {
		free(e->names[i]);
	}
	*e = (struct extras){0};
}

int extras_find(const struct extras *e, struct text name) {
	for (uint32_t i = 0; i < e->count; i++) {
		if (strlen(e->names[i]) == name.len &&
			memcmp(e->names[i], name.data, name.len) == 0) {
			return (int)i;
		}
	}
	return -1;
}

int extras_position(struct extras *e, struct text name) {
	int at = extras_find(e, name);
	if (at >= 0) {
		return at;
	}
	if (e->count == SCALARS_MAX) {
		return -ENOSPC;
	}
	char *copy = strndup(name.data, name.len);
	if (copy == NULL) {
		return -ENOMEM;
	}
	e->names[e->count] = copy;
	return (int)e->count++;
}

void extras_pack(const struct extras *e, struct packer *p) {
	pack_u32(p, e->count);
	for (uint32_t i = 0; i < e->count; i++) {
		pack_text(p, e->names[i]);
	}
}

void extras_unpack(struct extras *e, struct unpacker *u) {
	uint32_t count = unpack_u32_max(u, SCALARS_MAX);

	for (uint32_t i = 0; i < count && !u->failed; i++) {
		char *name = unpack_string(u);
		if (name == NULL) {
			u->failed = true;
			return;
		}
		e->names[e->count++] = name;
	}
}
