/* What each message does to a run, once its turn has come. */
#pragma once

#include "stream.h"

/* Puts a refusal into words. Returns APPLY_REFUSED. */
enum apply_result apply_refuse(struct apply_error *ret, enum error_code code, uint64_t seq,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A message of another kind than STEP and RESTORE, whose contents were checked; `body` is its member of
 * the union. `place`: where a DROPPED leaves its stream. APPLY_TAKEN, or APPLY_REFUSED with its reason. */
enum apply_result effect_message(struct stream *s, enum message_type type, const void *body,
	struct place place, struct instant now, struct apply_error *ret_error);

/* The same for one that waited: sets how its seqs end; a refusal becomes a notice. */
void effect_held(struct stream *s, struct held *item, struct instant now);

/* Seqs without effect. `place`: of a STEP that was late or refused, step -1 else. */
void effect_ended(struct stream *s, struct place place, enum seq_end end);
