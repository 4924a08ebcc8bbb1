#include "payload.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define N(array) (sizeof(array) / sizeof(array)[0])

/* What W&B's own client declares, in its types, and under which name it goes into the mutation's input. */
static const struct variable {
	const char *name, *type, *input;
} variables[] = {
	{"id", "String", "id"},
	{"name", "String", "name"},
	{"project", "String", "modelName"},
	{"entity", "String", "entityName"},
	{"groupName", "String", "groupName"},
	{"description", "String", "description"},
	{"displayName", "String", "displayName"},
	{"notes", "String", "notes"},
	{"commit", "String", "commit"},
	{"config", "JSONString", "config"},
	{"host", "String", "host"},
	{"debug", "Boolean", "debug"},
	{"program", "String", "jobProgram"},
	{"repo", "String", "jobRepo"},
	{"jobType", "String", "jobType"},
	{"state", "String", "state"},
	{"sweep", "String", "sweep"},
	{"tags", "[String!]", "tags"},
	{"summaryMetrics", "JSONString", "summaryMetrics"},
};

static json_t *read_body(struct buf *out) {
	json_t *body = json_loads(buf_text(out), JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(body);
	assert_int_equal(json_object_size(body), 3);
	buf_finish(out);
	return body;
}

static json_t *upsert(const struct payload_run *run) {
	struct buf out = {0};

	assert_int_equal(payload_upsert(&out, run), 0);
	return read_body(&out);
}

static const char *text_member(json_t *object, const char *name) {
	return json_string_value(json_object_get(object, name));
}

static void assert_holds(const char *text, const char *part) {
	assert_non_null(text);
	if (strstr(text, part) == NULL) {
		fail_msg("\"%s\" is not in %s", part, text);
	}
}

/* Brackets of all kinds closed in the order in which they were opened. */
static void assert_balanced(const char *query) {
	char open[32] = {0};
	size_t depth = 0;

	for (const char *p = query; *p != '\0'; p++) {
		const char *closer = strchr(")}]", *p);
		if (strchr("({[", *p) != NULL) {
			assert_true(depth < sizeof open);
			open[depth++] = *p;
		} else if (closer != NULL) {
			assert_true(depth > 0);
			assert_int_equal(open[--depth], "({["[closer - ")}]"]);
		}
	}
	assert_int_equal(depth, 0);
}

static void the_mutation_names_every_variable_where_it_is_taken(void **state) {
	(void)state;
	json_t *body = upsert(&(struct payload_run){.id = "r"});
	const char *query = text_member(body, "query");
	char part[128];

	for (size_t i = 0; i < N(variables); i++) {
		const struct variable *v = &variables[i];
		(void)snprintf(part, sizeof part, "$%s: %s%s", v->name, v->type,
			i + 1 < N(variables) ? "," : ")");
		assert_holds(query, part);
		(void)snprintf(part, sizeof part, "%s: $%s%s", v->input, v->name,
			i + 1 < N(variables) ? "," : "}");
		assert_holds(query, part);
	}
	assert_balanced(query);
	assert_string_equal(text_member(body, "operationName"), "UpsertBucket");
	assert_int_equal(strncmp(query, "mutation UpsertBucket(", 22), 0);
	json_decref(body);
}

static void the_mutation_asks_for_what_its_reply_is_read_for(void **state) {
	(void)state;
	json_t *body = upsert(&(struct payload_run){.id = "r"});

	assert_holds(text_member(body, "query"),
		"{ bucket { id name displayName sweepName project { id name entity { id name } } "
		"historyLineCount } inserted }");
	json_decref(body);
}

static void what_is_not_known_is_null_and_never_left_out(void **state) {
	(void)state;
	json_t *body = upsert(&(struct payload_run){.id = "abc12345"});
	json_t *sent = json_object_get(body, "variables");

	assert_int_equal(json_object_size(sent), N(variables));
	for (size_t i = 0; i < N(variables); i++) {
		json_t *value = json_object_get(sent, variables[i].name);
		assert_non_null(value);
		bool known = strcmp(variables[i].name, "name") == 0 ||
			     strcmp(variables[i].name, "config") == 0;
		assert_int_equal(json_is_null(value), !known);
	}
	json_decref(body);
}

static void what_is_known_of_a_run_is_said(void **state) {
	static const struct payload_run run = {
		.storage_id = "UnVuOnYx",
		.id = "abc12345",
		.entity = "ent",
		.project = "proj",
		.display_name = "my \"name\"\n",
		.group = "g1",
		.job_type = "train",
		.notes = "caf\xc3\xa9",
		.tags_json = "[\"t1\", \"t\\u00e9\"]",
		.host = "gpu07",
		.program = "train.py",
		.git_commit = "c0ffee",
		.git_remote = "git@example.com:a/b.git",
		.sweep_id = "sw1",
		.version = "0.1.0",
	};
	(void)state;
	json_t *body = upsert(&run), *sent = json_object_get(body, "variables");

	assert_string_equal(text_member(sent, "id"), "UnVuOnYx");
	assert_string_equal(text_member(sent, "name"), "abc12345");
	assert_string_equal(text_member(sent, "entity"), "ent");
	assert_string_equal(text_member(sent, "project"), "proj");
	assert_string_equal(text_member(sent, "displayName"), "my \"name\"\n");
	assert_string_equal(text_member(sent, "groupName"), "g1");
	assert_string_equal(text_member(sent, "jobType"), "train");
	assert_string_equal(text_member(sent, "notes"), "caf\xc3\xa9");
	assert_string_equal(text_member(sent, "host"), "gpu07");
	assert_string_equal(text_member(sent, "program"), "train.py");
	assert_string_equal(text_member(sent, "commit"), "c0ffee");
	assert_string_equal(text_member(sent, "repo"), "git@example.com:a/b.git");
	assert_string_equal(text_member(sent, "sweep"), "sw1");
	json_t *tags = json_object_get(sent, "tags");
	assert_int_equal(json_array_size(tags), 2);
	assert_string_equal(json_string_value(json_array_get(tags, 1)), "t\xc3\xa9");
	json_decref(body);
}

static void the_config_is_json_within_a_text(void **state) {
	(void)state;
	json_t *body = upsert(&(struct payload_run){
		.id = "r", .config_json = "{\"a\":\"x\\\\\\\"y\\n\",\"b\":[1,2.50]}"});
	const char *text = text_member(json_object_get(body, "variables"), "config");
	assert_holds(text, "\"b\":{\"value\":[1,2.50]}");

	json_t *config = json_loads(text, 0, NULL);
	assert_string_equal(text_member(json_object_get(config, "a"), "value"), "x\\\"y\n");
	assert_non_null(json_object_get(config, "_wandb"));
	json_decref(config);
	json_decref(body);
}

static void a_run_whose_json_is_none_is_refused_and_nothing_is_written(void **state) {
	static const struct payload_run runs[] = {
		{.id = "r", .config_json = "[1]"},
		{.id = "r", .tags_json = "[1]"},
		{.id = "r", .tags_json = "{\"a\":1}"},
		{.id = "r", .tags_json = "[\"a\"] []"},
		{.id = "r", .args_json = "\"-v\""},
	};
	(void)state;

	for (size_t i = 0; i < N(runs); i++) {
		struct buf out = {0};
		assert_int_equal(payload_upsert(&out, &runs[i]), -EINVAL);
		assert_int_equal(out.len, 0);
		buf_finish(&out);
	}
}

static void the_resume_question_names_the_run(void **state) {
	struct buf out = {0};
	(void)state;
	assert_int_equal(payload_resume_status(&out, NULL, "pro\"j", "abc"), 0);
	json_t *body = read_body(&out), *sent = json_object_get(body, "variables");
	const char *query = text_member(body, "query");

	assert_string_equal(text_member(body, "operationName"), "RunResumeStatus");
	assert_int_equal(json_object_size(sent), 3);
	assert_true(json_is_null(json_object_get(sent, "entity")));
	assert_string_equal(text_member(sent, "project"), "pro\"j");
	assert_string_equal(text_member(sent, "name"), "abc");
	assert_balanced(query);
	assert_holds(query,
		"query RunResumeStatus($project: String, $entity: String, $name: String!) {");
	assert_holds(query, "model(name: $project, entityName: $entity)");
	assert_holds(query, "bucket(name: $name, missingOk: true)");
	assert_holds(query, "id name summaryMetrics historyLineCount historyTail");
	json_decref(body);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_mutation_names_every_variable_where_it_is_taken),
		cmocka_unit_test(the_mutation_asks_for_what_its_reply_is_read_for),
		cmocka_unit_test(what_is_not_known_is_null_and_never_left_out),
		cmocka_unit_test(what_is_known_of_a_run_is_said),
		cmocka_unit_test(the_config_is_json_within_a_text),
		cmocka_unit_test(a_run_whose_json_is_none_is_refused_and_nothing_is_written),
		cmocka_unit_test(the_resume_question_names_the_run),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
