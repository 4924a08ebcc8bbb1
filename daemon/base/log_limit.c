#include "log_limit.h"

#include <stddef.h>
#include <string.h>

#define PROBES 8u

static uint32_t hash(const char *kind, uint32_t uid) {
	uint32_t h = 2166136261u ^ uid;

	for (; *kind != '\0'; kind++) {
		h = (h ^ (uint8_t)*kind) * 16777619u;
	}
	return h ^ h >> 15;
}

static void fill(struct log_limit_slot *s, uint64_t now_ms) {
	uint64_t n = (now_ms - s->filled_ms) / LOG_LIMIT_EVERY_MS;

	if (s->left + n >= LOG_LIMIT_BURST) {
		s->left = LOG_LIMIT_BURST;
		s->filled_ms = now_ms;
	} else {
		s->left += (uint32_t)n;
		s->filled_ms += n * LOG_LIMIT_EVERY_MS;
	}
}

static bool is_of(const struct log_limit_slot *s, const char *kind, uint32_t uid) {
	return s->kind != NULL && s->uid == uid && strcmp(s->kind, kind) == 0;
}

/* Nothing is forgotten with it. */
static bool is_free(struct log_limit_slot *s, uint64_t now_ms) {
	if (s->kind != NULL) {
		fill(s, now_ms);
	}
	return s->kind == NULL || (s->left == LOG_LIMIT_BURST && s->unsaid == 0);
}

static struct log_limit_slot *slot_of(
	struct log_limit *l, const char *kind, uint32_t uid, uint64_t now_ms) {
	uint32_t first = hash(kind, uid);
	struct log_limit_slot *free_slot = NULL;

	for (uint32_t i = 0; i < PROBES; i++) {
		struct log_limit_slot *s = &l->slots[(first + i) % LOG_LIMIT_SLOTS];
		if (is_of(s, kind, uid)) {
			return s;
		}
		if (free_slot == NULL && is_free(s, now_ms)) {
			free_slot = s;
		}
	}
	if (free_slot == NULL) {
		return &l->slots[first % LOG_LIMIT_SLOTS];
	}
	*free_slot = (struct log_limit_slot){
		.kind = kind, .uid = uid, .left = LOG_LIMIT_BURST, .filled_ms = now_ms};
	return free_slot;
}

bool log_limit_take(struct log_limit *l, const char *kind, uint32_t uid, uint64_t now_ms) {
	struct log_limit_slot *s = slot_of(l, kind, uid, now_ms);

	fill(s, now_ms);
	if (s->left > 0) {
		s->left--;
		return true;
	}
	if (s->unsaid++ == 0) {
		s->unsaid_ms = now_ms;
	}
	return false;
}

bool log_limit_next_unsaid(struct log_limit *l, uint64_t now_ms, const char **ret_kind,
	uint32_t *ret_uid, uint32_t *ret_count) {
	for (uint32_t i = 0; i < LOG_LIMIT_SLOTS; i++) {
		struct log_limit_slot *s = &l->slots[i];
		if (s->unsaid > 0 && now_ms - s->unsaid_ms >= LOG_LIMIT_SAY_MS) {
			*ret_kind = s->kind;
			*ret_uid = s->uid;
			*ret_count = s->unsaid;
			s->unsaid = 0;
			return true;
		}
	}
	return false;
}
