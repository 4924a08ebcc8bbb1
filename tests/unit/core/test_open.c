/* OPEN: every refusal, and what an opened stream is told. */
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Refused with that code; nothing has changed. */
static void refused(
	struct rig *rig, const struct msg_open *open, enum refusal_code code, const char *words) {
	struct stream *before = registry_find_stream(rig->registry, open->stream);
	bool was_connected = before != NULL && stream_connected(before);
	uint64_t bytes = ledger_held(&rig->ledger, rig->peer.uid, HOLDING_MEMORY);

	assert_int_equal(rig_open(rig, open), 1);
	assert_int_equal(rig->refusal.code, code);
	if (strstr(rig->refusal.words, words) == NULL) {
		fail_msg("\"%s\" is not in \"%s\"", words, rig->refusal.words);
	}
	assert_ptr_equal(registry_find_stream(rig->registry, open->stream), before);
	assert_true(before == NULL || stream_connected(before) == was_connected);
	assert_int_equal(ledger_held(&rig->ledger, rig->peer.uid, HOLDING_MEMORY), bytes);
}

/* ---- fields ---- */

static void a_profile_nobody_knows_is_refused(void **state) {
	struct msg_open open = rig_msg_open(4);
	open.profile = rig_lit("keras");
	refused(*state, &open, REFUSE_BAD_FIELD, "there is no profile \"keras\"");
}

static void a_config_that_is_no_object_is_refused(void **state) {
	struct msg_open open = rig_msg_open(4);
	open.config = rig_lit("[1, 2]");
	refused(*state, &open, REFUSE_BAD_FIELD, "config is not a JSON object");
	open.config = rig_lit("{\"lr\": }");
	refused(*state, &open, REFUSE_BAD_FIELD, "config is not a JSON object");
}

static void more_names_than_a_run_has_places_for_are_refused(void **state) {
	struct rig *rig = *state;
	static char names[2 * SCALARS_MAX][8];
	struct msg_open open = rig_msg_open(4);
	for (uint32_t i = 0; i < 2 * SCALARS_MAX; i++) {
		(void)snprintf(names[i], sizeof names[i], "x%u", i);
	}

	for (uint32_t i = 0; i < SCALARS_MAX; i++) {
		open.scalars[open.n_scalars++] = rig_lit(names[i]);
	}
	struct stream *s = rig_must_open(rig, &open);
	registry_disconnected(rig->registry, s, rig->now);
	open.scalars[0] = rig_lit(names[SCALARS_MAX]);
	open.launch = rig_lit("second");
	rig_stream_id(&open, 2);
	refused(rig, &open, REFUSE_BAD_FIELD, "257 names");
	/* The first launch is none the worse for it. */
	open.scalars[0] = rig_lit(names[0]);
	open.launch = rig_lit("launch");
	rig_stream_id(&open, 1);
	assert_ptr_equal(rig_must_open(rig, &open), s);
}

/* ---- against what is known ---- */

static void resume_never_refuses_a_run_that_exists(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(4);
	open.resume = rig_lit("never");
	struct stream *s = rig_must_open(rig, &open);
	assert_false(rig->opened.resumed);

	/* The same launch again is no resuming. */
	registry_disconnected(rig->registry, s, rig->now);
	assert_ptr_equal(rig_must_open(rig, &open), s);

	registry_disconnected(rig->registry, s, rig->now);
	open.launch = rig_lit("second");
	rig_stream_id(&open, 2);
	refused(rig, &open, REFUSE_RESUME, "run r exists");
	open.resume = rig_lit("allow");
	(void)rig_must_open(rig, &open);
	assert_true(rig->opened.resumed);
}

static void resume_must_refuses_a_run_that_does_not_exist(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(4);
	open.resume = rig_lit("must");
	refused(rig, &open, REFUSE_RESUME, "there is no run r");
	assert_null(registry_find(rig->registry, "r"));

	open.resume = (struct text){0};
	struct stream *s = rig_must_open(rig, &open);
	registry_disconnected(rig->registry, s, rig->now);
	open.resume = rig_lit("must");
	open.launch = rig_lit("second");
	rig_stream_id(&open, 2);
	(void)rig_must_open(rig, &open);
	assert_true(rig->opened.resumed);
}

static void another_users_run_is_refused_to_root_too_but_not_to_an_administrator(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(4);
	struct stream *s = rig_must_open(rig, &open);
	registry_disconnected(rig->registry, s, rig->now);

	rig->peer.uid = 1001;
	refused(rig, &open, REFUSE_NOT_PERMITTED, "run r belongs to another user");
	rig->peer.uid = 0;
	refused(rig, &open, REFUSE_NOT_PERMITTED, "run r belongs to another user");
	rig->peer.uid = 1001;
	rig->peer.is_admin = true;
	(void)rig_must_open(rig, &open);
	assert_int_equal(run_uid(registry_find(rig->registry, "r")), 1000);
}

static void another_users_stream_is_refused_and_its_run_not_named(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(4);
	struct stream *s = rig_must_open(rig, &open);
	registry_disconnected(rig->registry, s, rig->now);

	open.run = rig_lit("mine");
	rig->peer.uid = 1001;
	refused(rig, &open, REFUSE_NOT_PERMITTED, "this stream belongs to another user");
	rig->peer.uid = 1000;
	refused(rig, &open, REFUSE_BAD_FIELD, "this stream belongs to run r");
}

static void a_rank_of_another_user_is_refused(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(4);
	open.world_size = 2;
	(void)rig_must_open(rig, &open);

	open.rank = 1;
	rig_stream_id(&open, 2);
	rig->peer.uid = 1001;
	refused(rig, &open, REFUSE_NOT_PERMITTED, "run r belongs to another user");
	rig->peer.uid = 1000;
	(void)rig_must_open(rig, &open);
}

static bool shows_as_private(struct rig *rig) {
	struct run_cut *cut = run_cut(rig->registry, registry_find(rig->registry, "r"), rig->now);
	bool is_private = cut->row.is_private;
	run_cut_destroy(cut);
	return is_private;
}

static void open_as(struct rig *rig, uint8_t stream, const char *launch, int says_private) {
	struct msg_open open = rig_msg_open(4);
	open.launch = text_of(launch, strlen(launch));
	open.has_private = says_private >= 0;
	open.is_private = says_private > 0;
	rig_stream_id(&open, stream);
	registry_disconnected(rig->registry, rig_must_open(rig, &open), rig->now);
}

static void a_run_stays_private_until_its_own_user_says_otherwise(void **state) {
	struct rig *rig = *state;

	open_as(rig, 1, "first", 1);
	assert_true(shows_as_private(rig));
	open_as(rig, 2, "second", -1);
	assert_true(shows_as_private(rig));
	rig->peer = (struct peer_identity){.uid = 1001, .is_admin = true};
	open_as(rig, 3, "third", 0);
	assert_true(shows_as_private(rig));
	rig->peer = (struct peer_identity){.uid = 1000};
	open_as(rig, 4, "fourth", 0);
	assert_false(shows_as_private(rig));
	open_as(rig, 5, "fifth", -1);
	assert_false(shows_as_private(rig));
}

static void ranks_of_a_launch_have_to_agree(void **state) {
	struct rig *rig = *state;
	struct msg_open first = rig_msg_open(4);
	first.world_size = 2;
	(void)rig_must_open(rig, &first);

	struct msg_open open = first;
	open.rank = 1;
	rig_stream_id(&open, 2);
	open.d_sae = 5;
	refused(rig, &open, REFUSE_MISMATCH, "d_sae is 5");
	open.d_sae = 4;
	open.world_size = 3;
	refused(rig, &open, REFUSE_MISMATCH, "world_size is 3");
	open.world_size = 2;
	open.wandb_log_frequency = 7;
	refused(rig, &open, REFUSE_MISMATCH, "wandb_log_frequency is 7");
	open.wandb_log_frequency = 2;
	open.feature_sampling_window = 9;
	refused(rig, &open, REFUSE_MISMATCH, "feature_sampling_window is 9");
	open.feature_sampling_window = 3;
	open.dead_feature_window = 8;
	refused(rig, &open, REFUSE_MISMATCH, "dead_feature_window is 8");
	open.dead_feature_window = 1;
	open.profile = rig_lit("saelens");
	refused(rig, &open, REFUSE_MISMATCH, "saelens");
	open.profile = rig_lit("prisma");
	(void)rig_must_open(rig, &open);
}

static void a_later_launch_keeps_the_runs_d_sae(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(4);
	registry_disconnected(rig->registry, rig_must_open(rig, &open), rig->now);
	open.launch = rig_lit("second");
	rig_stream_id(&open, 2);
	open.d_sae = 8;
	refused(rig, &open, REFUSE_MISMATCH, "d_sae is 8, and run r has 4");
}

static void a_rank_taken_twice_is_refused(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(4);
	struct stream *s = rig_must_open(rig, &open);

	rig_stream_id(&open, 2);
	refused(rig, &open, REFUSE_RANK_TAKEN, "is rank 0 of run r");
	/* Not when the other has left. */
	registry_disconnected(rig->registry, s, rig->now);
	(void)rig_must_open(rig, &open);
	rig_stream_id(&open, 1);
	refused(rig, &open, REFUSE_RANK_TAKEN, "is rank 0 of run r");
}

static void an_older_launch_with_a_live_connection_is_not_ended(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(4);
	struct stream *s = rig_must_open(rig, &open);

	open.launch = rig_lit("second");
	rig_stream_id(&open, 2);
	refused(rig, &open, REFUSE_RUN_BUSY, "older launch");
	assert_true(rig->refusal.has_retry);
	registry_disconnected(rig->registry, s, rig->now);
	(void)rig_must_open(rig, &open);
}

static void a_straggler_of_an_ended_launch_does_not_take_the_run_back(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(4), late = open;
	open.world_size = late.world_size = 2;
	registry_disconnected(rig->registry, rig_must_open(rig, &open), rig->now);
	struct msg_open second = open;
	second.launch = rig_lit("second");
	rig_stream_id(&second, 2);
	registry_disconnected(rig->registry, rig_must_open(rig, &second), rig->now);

	/* Its first rank, known, and its second, which never came. */
	refused(rig, &open, REFUSE_RUN_BUSY, "later launch");
	assert_false(rig->refusal.has_retry);
	late.rank = 1;
	rig_stream_id(&late, 3);
	refused(rig, &late, REFUSE_RUN_BUSY, "later launch");
	/* Nor after a restart. */
	rig_commit(rig);
	rig_crash(rig, false);
	refused(rig, &late, REFUSE_RUN_BUSY, "later launch");
}

static void a_finished_stream_hears_its_last_ack_even_after_a_later_launch(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	struct stream *s = rig_must_open(rig, &open);
	rig_step(rig, s, 0, 2, 1, 0);
	struct message finish = rig_msg_finish(2, 0);
	assert_int_equal(rig_apply(rig, s, &finish), APPLY_TAKEN);
	registry_disconnected(rig->registry, s, rig->now);
	rig_commit(rig);
	struct msg_open second = open;
	second.launch = rig_lit("second");
	rig_stream_id(&second, 2);
	(void)rig_must_open(rig, &second);

	assert_ptr_equal(rig_must_open(rig, &open), s);
	assert_int_equal(rig->opened.durable, 2);
	assert_int_equal(rig->opened.wanted, 3);
	/* It has nothing more to say. */
	struct message more = rig_msg_event(3, "late", "word");
	assert_int_equal(rig_apply(rig, s, &more), APPLY_REFUSED);
}

static void a_stream_belongs_to_one_run_and_one_rank(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(4);
	open.world_size = 2;
	struct stream *s = rig_must_open(rig, &open);
	registry_disconnected(rig->registry, s, rig->now);

	open.run = rig_lit("other");
	refused(rig, &open, REFUSE_BAD_FIELD, "belongs to run r");
	open.run = rig_lit("r");
	open.rank = 1;
	refused(rig, &open, REFUSE_BAD_FIELD, "was rank 0");
	open.rank = 0;
	open.launch = rig_lit("second");
	refused(rig, &open, REFUSE_BAD_FIELD, "another launch");
}

/* ---- budget ---- */

static void the_budget_is_a_users_and_not_the_hosts(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(1u << 20);
	rig->limits.of[HOLDING_MEMORY] = 80u << 20;
	struct stream *s = rig_must_open(rig, &open);
	struct msg_open more = rig_msg_open(1u << 19);
	more.run = rig_lit("second");
	rig_stream_id(&more, 2);

	refused(rig, &more, REFUSE_BUDGET,
		"d_sae 524288 takes 34 MiB; user 1000 holds 66 MiB of memory; limit memory = 80 "
		"MiB "
		"([limits] in sae-metricsd.conf); tried again until it fits");
	assert_true(rig->refusal.has_retry);
	assert_true(rig->refusal.has_limit);
	assert_null(registry_find(rig->registry, "second"));
	rig->peer.uid = 1001;
	(void)rig_must_open(rig, &more);
	assert_true(ledger_held(&rig->ledger, 1001, HOLDING_MEMORY) >= 32u << 20);

	/* What is forgotten is given back. */
	registry_disconnected(rig->registry, s, rig->now);
	rig_commit(rig);
	assert_true(run_evictable(registry_find(rig->registry, "r")));
	registry_evict(rig->registry, registry_find(rig->registry, "r"));
	assert_int_equal(ledger_held(&rig->ledger, 1000, HOLDING_MEMORY), 0);
}

static void ranks_are_charged_for_the_steps_that_may_pend(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(1u << 20);
	open.world_size = 3;
	rig->limits.of[HOLDING_MEMORY] = 80u << 20;
	refused(rig, &open, REFUSE_BUDGET, "d_sae 1048576 with 3 ranks takes 10");
	assert_non_null(strstr(rig->refusal.words, "it never fits"));
	assert_false(rig->refusal.has_retry);
	open.world_size = 1;
	(void)rig_must_open(rig, &open);
}

static void a_user_has_so_many_runs_at_once(void **state) {
	struct rig *rig = *state;
	char id[16];
	for (uint32_t i = 0; i <= rig->limits.of[HOLDING_RUNS]; i++) {
		struct msg_open open = rig_msg_open(2);
		snprintf(id, sizeof id, "run%u", i);
		open.run = rig_lit(id);
		rig_stream_id(&open, (uint8_t)(i + 1));
		if (i < rig->limits.of[HOLDING_RUNS]) {
			(void)rig_must_open(rig, &open);
			continue;
		}
		refused(rig, &open, REFUSE_TOO_MANY,
			"user 1000 holds 8 runs; limit runs = 8 ([limits] in sae-metricsd.conf)");
		assert_true(rig->refusal.has_retry);
		assert_int_equal(rig->refusal.limit, 8);
		/* Root has a limit of his own, and no other's. */
		rig->peer.uid = 0;
		(void)rig_must_open(rig, &open);
		assert_int_equal(ledger_held(&rig->ledger, 0, HOLDING_RUNS), 1);
	}
}

/* ---- the answer ---- */

static void opened_says_what_is_durable_and_what_is_wanted(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	open.name = rig_lit("a name");
	struct stream *s = rig_must_open(rig, &open);
	assert_int_equal(rig->opened.durable, 0);
	assert_int_equal(rig->opened.wanted, 1);
	assert_false(rig->opened.has_last_step);
	assert_int_equal(rig->opened.attempt, 1);
	assert_true(rig->opened.outbox_bytes >= 64u << 20);
	assert_memory_equal(rig->opened.name.data, "a name", 6);

	for (uint32_t step = 0; step < 5; step++) {
		rig_step(rig, s, step, 2, 1, 0);
		if (step == 2) {
			rig_commit(rig);
		}
	}
	registry_disconnected(rig->registry, s, rig->now);
	assert_ptr_equal(rig_must_open(rig, &open), s);
	assert_int_equal(rig->opened.durable, 3);
	assert_int_equal(rig->opened.wanted, 6);
	assert_true(rig->opened.has_last_step);
	assert_int_equal(rig->opened.last_step, 4);

	rig_crash(rig, false);
	(void)rig_must_open(rig, &open);
	assert_int_equal(rig->opened.durable, 3);
	assert_int_equal(rig->opened.wanted, 4);
	assert_int_equal(rig->opened.last_step, 2);
}

static void a_run_without_a_name_is_called_by_its_id(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(4);
	(void)rig_must_open(rig, &open);
	assert_int_equal(rig->opened.name.len, 1);
	assert_memory_equal(rig->opened.name.data, "r", 1);
}

static void what_update_changed_is_not_undone_by_a_reconnect(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	open.name = rig_lit("first");
	struct stream *s = rig_must_open(rig, &open);
	struct message m = {.type = MSG_UPDATE};
	m.update = (struct msg_update){.seq = 1, .name = rig_lit("second")};
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
	registry_disconnected(rig->registry, s, rig->now);
	(void)rig_must_open(rig, &open);
	assert_memory_equal(rig->opened.name.data, "second", 6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(a_profile_nobody_knows_is_refused),
		TEST(a_config_that_is_no_object_is_refused),
		TEST(more_names_than_a_run_has_places_for_are_refused),
		TEST(resume_never_refuses_a_run_that_exists),
		TEST(resume_must_refuses_a_run_that_does_not_exist),
		TEST(another_users_run_is_refused_to_root_too_but_not_to_an_administrator),
		TEST(another_users_stream_is_refused_and_its_run_not_named),
		TEST(a_rank_of_another_user_is_refused),
		TEST(a_run_stays_private_until_its_own_user_says_otherwise),
		TEST(ranks_of_a_launch_have_to_agree),
		TEST(a_later_launch_keeps_the_runs_d_sae),
		TEST(a_rank_taken_twice_is_refused),
		TEST(an_older_launch_with_a_live_connection_is_not_ended),
		TEST(a_straggler_of_an_ended_launch_does_not_take_the_run_back),
		TEST(a_finished_stream_hears_its_last_ack_even_after_a_later_launch),
		TEST(a_stream_belongs_to_one_run_and_one_rank),
		TEST(the_budget_is_a_users_and_not_the_hosts),
		TEST(ranks_are_charged_for_the_steps_that_may_pend),
		TEST(a_user_has_so_many_runs_at_once),
		TEST(opened_says_what_is_durable_and_what_is_wanted),
		TEST(a_run_without_a_name_is_called_by_its_id),
		TEST(what_update_changed_is_not_undone_by_a_reconnect),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
