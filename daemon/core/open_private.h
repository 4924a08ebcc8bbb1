/* An OPEN on its way in: for open*.c alone. */
#pragma once

#include "registry.h"

struct opening {
	struct registry *registry;
	const struct msg_open *open;
	const struct peer_identity *peer;
	const uint8_t *db_id;
	struct instant now;
	struct refusal *refusal;

	struct run *run;       /* NULL: new */
	struct stream *stream; /* NULL: new */
	const struct profile *profile;
	bool same_launch;
};

/* ---- open_check.c ---- */

/* Always false, for returning it. */
bool opening_refuse(const struct opening *in, enum refusal_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* What the message says of itself: its ranges are decode's. Finds the profile. */
bool opening_check_meaning(struct opening *in);
/* What it says against what is known. */
bool opening_check_run(const struct opening *in);

/* ---- open_charge.c ---- */

/* Counts the run among its user's runs and charges him with what it may come to hold; false: refused. A later launch may need more,
 * or less. */
bool opening_charge(const struct opening *in, struct run *run);

/* ---- open_take.c ---- */

/* The launch, where it is a new one, and its configuration. 0 or -ENOMEM. */
int opening_take_launch(const struct opening *in, struct run *run, bool existed);
/* The stream, its rank and its gap, connected. 0 or -ENOMEM. */
int opening_take_stream(const struct opening *in, struct run *run, struct stream **ret);
void opening_connect(const struct opening *in, struct stream *s);
