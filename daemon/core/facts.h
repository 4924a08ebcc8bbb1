/* What a run says of itself in words: shown and stored, never computed with. */
#pragma once

#include "message.h"
#include "pack.h"

enum fact {
	FACT_NAME,
	FACT_PROJECT,
	FACT_ENTITY,
	FACT_GROUP,
	FACT_JOB_TYPE,
	FACT_HOST,
	FACT_PROGRAM,
	FACT_GIT_COMMIT,
	FACT_GIT_REMOTE,
	FACT_SWEEP_ID,
	FACT_SOURCE,
	FACT_ARCHITECTURE,
	FACTS_KEPT, /* those above are kept, those below only until the next cut has taken them */
	FACT_NOTES = FACTS_KEPT,
	FACT_CONFIG,
	FACT_TAGS, /* JSON lists */
	FACT_ARGS,
	FACT_COUNT
};

struct facts {
	char *text[FACT_COUNT];
	bool is_private, log_to_wandb;
	double started; /* 0: not given */
};

void facts_finish(struct facts *f);

/* Sets one; NULL data leaves it as it is. 0 or -ENOMEM. */
int facts_set(struct facts *f, enum fact fact, struct text text);
int facts_set_list(struct facts *f, enum fact fact, const struct text_list *list);

/* Takes what an OPEN says. What it leaves out stays as it was. 0 or -ENOMEM. */
int facts_set_open(struct facts *f, const struct msg_open *open);

/* Forgets the long texts, which a cut has taken. */
void facts_clear_long(struct facts *f);

void facts_pack(const struct facts *f, struct packer *p);
void facts_unpack(struct facts *f, struct unpacker *u);
