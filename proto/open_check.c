#include "open_check.h"

#include "text.h"

static bool fail_run(struct decode_error *err, struct text run) {
	char quote[TEXT_QUOTE_SIZE];

	return decode_fail(err, REFUSE_BAD_FIELD,
		"run is \"%s\"; expected 1 to 64 of letters, digits, _ and -",
		text_quote(run, quote));
}

/* It becomes part of paths and URLs. */
static bool check_run(struct text run, struct decode_error *err) {
	for (size_t i = 0; i < run.len; i++) {
		char c = run.data[i];
		bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			       (c >= '0' && c <= '9') || c == '_' || c == '-';
		if (!allowed) {
			return fail_run(err, run);
		}
	}
	return run.len > 0 || fail_run(err, run);
}

static bool check_ranks(const struct msg_open *m, struct decode_error *err) {
	if (m->rank >= m->world_size) {
		return decode_fail(err, REFUSE_BAD_FIELD,
			"rank is %u; expected less than world_size, which is %u", m->rank,
			m->world_size);
	}
	if (m->global_rank >= m->global_world_size) {
		return decode_fail(err, REFUSE_BAD_FIELD,
			"global_rank is %u; expected less than global_world_size, which is %u",
			m->global_rank, m->global_world_size);
	}
	return true;
}

/* Each name becomes a column or a key: given twice, one of the two would be lost. */
static bool check_scalars(const struct msg_open *m, struct decode_error *err) {
	char quote[TEXT_QUOTE_SIZE];

	for (uint32_t i = 1; i < m->n_scalars; i++) {
		for (uint32_t k = 0; k < i; k++) {
			if (text_equal(m->scalars[i], m->scalars[k])) {
				return decode_fail(err, REFUSE_BAD_FIELD,
					"scalars has \"%s\" twice; expected each name once",
					text_quote(m->scalars[i], quote));
			}
		}
	}
	return true;
}

bool open_check(const struct msg_open *m, struct decode_error *err) {
	static const char *const resumes[] = {"never", "allow", "must", NULL};
	static const char *const profiles[] = {
		"prisma", "saelens", "saelens-legacy", "native", NULL};

	return check_run(m->run, err) &&
	       decode_choice(err, REFUSE_BAD_FIELD, "resume", m->resume, resumes,
		       "never, allow or must") &&
	       decode_choice(err, REFUSE_BAD_FIELD, "profile", m->profile, profiles,
		       "prisma, saelens, saelens-legacy or native") &&
	       check_ranks(m, err) && check_scalars(m, err);
}
