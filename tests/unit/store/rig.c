#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

struct db db;
struct slots slots;
struct committer committer;
char path[256];

int rig_setup(void **state) {
	char words[DB_WORDS_MAX] = "";
	(void)state;
	place_create();
	snprintf(path, sizeof path, "%s", path_of("m.db"));
	assert_int_equal(db_open(&db, path, "0.1.0", words), 0);
	assert_int_equal(slots_open(&slots, path), 0);
	committer_init(&committer, &db, &slots);
	return 0;
}

int rig_teardown(void **state) {
	(void)state;
	committer_finish(&committer);
	slots_close(&slots);
	db_close(&db);
	place_remove();
	return 0;
}

void cut_commit(struct run_cut *cut) {
	struct batch batch;
	batch_init(&batch);
	batch_put(&batch, cut);
	assert_int_equal(commit_batch(&committer, &batch), 0);
	assert_null(batch.rejected);
	batch_clear(&batch);
}
