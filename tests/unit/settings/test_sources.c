/* What lies over what: the main file, drop-ins, variables, flags; and that whatever is found in their places is no trouble, or
 * is told. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define ETC "etc/sae-metricsd/sae-metricsd.conf"
#define RUN "run/sae-metricsd/sae-metricsd.conf"
#define USR "usr/lib/sae-metricsd/sae-metricsd.conf"

#define NOBODY 65534

#define ENTITY(name) "[wandb]\nentity = " name "\n"

static void load_system(struct rig *r) {
	rig_load_as(r, (struct settings_options){.is_system = true});
}

static void load_user(struct rig *r) {
	rig_load_as(r, (struct settings_options){0});
}

static void assert_entity(struct rig *r, const char *entity, const char *files) {
	rig_assert_good(r);
	assert_string_equal(r->settings.wandb.entity, entity);
	assert_string_equal(r->files, files);
}

/* Of below the home. */
static void path_of(const struct rig *r, const char *name, char out[PATH_MAX]) {
	snprintf(out, PATH_MAX, "%s/%s", r->home, name);
}

static void link_to(const struct rig *r, const char *name, const char *target) {
	char path[PATH_MAX];

	path_of(r, name, path);
	(void)unlink(path);
	assert_int_equal(symlink(target, path), 0);
}

static void drop(const struct rig *r, const char *name) {
	char path[PATH_MAX];

	path_of(r, name, path);
	assert_int_equal(remove(path), 0);
}

static void permit(const struct rig *r, const char *name, mode_t mode) {
	char path[PATH_MAX];

	path_of(r, name, path);
	assert_int_equal(chmod(path, mode), 0);
}

/* ---- files ---- */

static void the_first_main_file_hides_the_others(void **state) {
	struct rig *r = *state;

	rig_put(r, USR, ENTITY("usr"));
	load_system(r);
	assert_entity(r, "usr", USR "\n");
	rig_put(r, RUN, ENTITY("run"));
	load_system(r);
	assert_entity(r, "run", RUN "\n");
	rig_put(r, ETC, "[wandb]\nproject = etc\n");
	load_system(r);
	rig_assert_good(r);
	assert_null(r->settings.wandb.entity);
	assert_string_equal(r->settings.wandb.project, "etc");
}

static void a_drop_in_lies_over_the_main_file_key_by_key(void **state) {
	struct rig *r = *state;

	rig_put(r, ETC, "[wandb]\nentity = main\nproject = main\n[user 7]\nruns = 1\nkeys = 1\n");
	rig_put(r, USR ".d/10-site.conf", ENTITY("site") "[user 7]\nkeys = 2\n");
	load_system(r);
	assert_entity(r, "site", ETC "\n" USR ".d/10-site.conf\n");
	assert_string_equal(r->settings.wandb.project, "main");
	struct user_limits limits;
	settings_user_limits(&r->settings, 7, &limits);
	assert_int_equal(limits.runs, 1);
	assert_int_equal(limits.keys, 2);
}

static void drop_ins_are_read_by_their_names_whatever_their_folders(void **state) {
	struct rig *r = *state;

	rig_put(r, ETC ".d/10-a.conf", ENTITY("etc-10"));
	rig_put(r, USR ".d/30-a.conf", ENTITY("usr-30"));
	rig_put(r, RUN ".d/20-a.conf", ENTITY("run-20"));
	rig_put(r, RUN ".d/9-a.conf", ENTITY("run-9"));
	load_system(r);
	assert_entity(r, "run-9",
		ETC ".d/10-a.conf\n" RUN ".d/20-a.conf\n" USR ".d/30-a.conf\n" RUN ".d/9-a.conf\n");
}

static void a_name_in_etc_hides_the_same_name_behind_it(void **state) {
	struct rig *r = *state;

	rig_put(r, USR ".d/10-a.conf", ENTITY("usr"));
	rig_put(r, RUN ".d/10-a.conf", "[wandb]\nproject = run\n");
	load_system(r);
	rig_assert_good(r);
	assert_null(r->settings.wandb.entity);
	assert_string_equal(r->settings.wandb.project, "run");
	rig_put(r, ETC ".d/10-a.conf", "");
	load_system(r);
	assert_string_equal(r->files, ETC ".d/10-a.conf\n");
	assert_null(r->settings.wandb.project);
	link_to(r, ETC ".d/10-a.conf", "/dev/null");
	load_system(r);
	rig_assert_good(r);
	assert_null(r->settings.wandb.project);
}

static void only_names_that_end_so_are_drop_ins(void **state) {
	struct rig *r = *state;

	rig_put(r, ETC ".d/10-a.conf.dpkg-old", "nonsense");
	rig_put(r, ETC ".d/10-a.conf~", "nonsense");
	rig_put(r, ETC ".d/.conf", "nonsense");
	rig_put(r, ETC ".d/.10-a.conf", "nonsense");
	rig_put(r, ETC ".d/README", "nonsense");
	load_system(r);
	rig_assert_good(r);
	assert_string_equal(r->files, "");
}

static void a_user_has_his_own_files_over_those_for_all_users(void **state) {
	struct rig *r = *state;

	rig_put(r, ETC, ENTITY("the hosts"));
	rig_put(r, "etc/xdg/sae-metricsd/sae-metricsd.conf", ENTITY("all users"));
	load_user(r);
	assert_entity(r, "all users", "etc/xdg/sae-metricsd/sae-metricsd.conf\n");
	rig_put(r, ".config/sae-metricsd/sae-metricsd.conf.d/1.conf", ENTITY("drop-in"));
	load_user(r);
	assert_entity(r, "drop-in",
		"etc/xdg/sae-metricsd/sae-metricsd.conf\n"
		".config/sae-metricsd/sae-metricsd.conf.d/1.conf\n");
	drop(r, ".config/sae-metricsd/sae-metricsd.conf.d/1.conf");
	rig_put(r, ".config/sae-metricsd/sae-metricsd.conf", ENTITY("own"));
	load_user(r);
	assert_entity(r, "own", ".config/sae-metricsd/sae-metricsd.conf\n");
}

static void a_file_that_is_named_is_read_alone(void **state) {
	struct rig *r = *state;

	rig_put(r, ETC, ENTITY("main"));
	rig_put(r, ETC ".d/1.conf", ENTITY("drop-in"));
	rig_put(r, "conf", ENTITY("named"));
	rig_put(r, "conf.d/1.conf", ENTITY("beside"));
	rig_load_as(r, (struct settings_options){.file = r->path, .is_system = true});
	assert_entity(r, "named", "conf\n");
	setenv("SAE_METRICSD_CONFIG", r->path, 1);
	load_system(r);
	assert_entity(r, "named", "conf\n");
}

static void a_mistake_in_one_file_is_told_with_it(void **state) {
	struct rig *r = *state;

	rig_put(r, ETC, "[wandb]\nmode = on\nentity = a\n");
	rig_put(r, ETC ".d/1.conf", "[wandb]\n\nkey = x\n");
	rig_put(r, ETC ".d/2.conf", "[wandb]\nentity = b\n");
	load_system(r);
	assert_int_equal(r->result, -EINVAL);
	assert_non_null(strstr(r->problems, ETC ":2: mode: expected online, offline or off\n" ETC
						".d/1.conf:3: a key for W&B is never in here: "));
	assert_string_equal(r->files, ETC " bad\n" ETC ".d/1.conf bad\n" ETC ".d/2.conf\n");
}

static void a_key_may_stand_in_each_file_once(void **state) {
	struct rig *r = *state;

	rig_put(r, ETC, ENTITY("a"));
	rig_put(r, ETC ".d/1.conf", ENTITY("b") "[user 7]\nruns = 1\n");
	rig_put(r, ETC ".d/2.conf", "[user 7]\nruns = 2\n");
	load_system(r);
	rig_assert_good(r);
	assert_string_equal(r->settings.wandb.entity, "b");
}

/* ---- what else may be there ---- */

static void a_link_that_leads_nowhere_is_told(void **state) {
	struct rig *r = *state;

	rig_put(r, ETC, "");
	link_to(r, ETC, "/nowhere");
	load_system(r);
	assert_int_equal(r->result, -ENOENT);
	assert_string_equal(r->problems, ETC ": No such file or directory\n");
	drop(r, ETC);
	rig_put(r, ETC ".d/1.conf", "");
	link_to(r, ETC ".d/1.conf", "2.conf");
	link_to(r, ETC ".d/2.conf", "1.conf");
	load_system(r);
	assert_int_equal(r->result, -ELOOP);
	assert_string_equal(r->files, ETC ".d/1.conf bad\n" ETC ".d/2.conf bad\n");
}

static void a_folder_of_drop_ins_that_is_none_is_told(void **state) {
	struct rig *r = *state;

	rig_put(r, ETC ".d", "");
	load_system(r);
	assert_int_equal(r->result, -ENOTDIR);
	assert_string_equal(r->problems, ETC ".d: Not a directory\n");
	drop(r, ETC ".d");
	link_to(r, ETC ".d", "sae-metricsd.conf.d");
	load_system(r);
	assert_int_equal(r->result, -ELOOP);
	link_to(r, ETC ".d", "/nowhere");
	load_system(r);
	assert_int_equal(r->result, -ENOENT);
}

static void a_folder_where_a_file_should_be_is_told(void **state) {
	struct rig *r = *state;

	rig_put(r, ETC "/file", "");
	rig_put(r, ETC ".d/1.conf/file", "");
	load_system(r);
	assert_int_equal(r->result, -EISDIR);
	assert_string_equal(
		r->problems, ETC ": Is a directory\n" ETC ".d/1.conf: Is a directory\n");
}

static void a_pipe_is_told_and_not_waited_for(void **state) {
	struct rig *r = *state;
	char path[PATH_MAX];

	rig_put(r, ETC ".d/2.conf", "");
	path_of(r, ETC ".d/1.conf", path);
	assert_int_equal(mkfifo(path, 0600), 0);
	load_system(r);
	assert_int_equal(r->result, -EINVAL);
	assert_string_equal(r->problems,
		ETC ".d/1.conf: is no regular file, which a reload could read again\n");
}

static void what_everybody_may_write_is_refused(void **state) {
	struct rig *r = *state;

	rig_put(r, ETC ".d/1.conf", "");
	permit(r, ETC ".d/1.conf", 0666);
	load_system(r);
	assert_string_equal(
		r->problems, ETC ".d/1.conf: may be written by everybody: `chmod o-w` it\n");
	permit(r, ETC ".d/1.conf", 0644);
	permit(r, ETC ".d", 0777);
	load_system(r);
	assert_int_equal(r->result, -EINVAL);
	assert_string_equal(r->problems, ETC ".d: may be written by everybody: `chmod o-w` it\n");
}

static void what_may_not_be_read_is_told(void **state) {
	struct rig *r = *state;

	static const char *const folders[] = {"", "etc", "etc/sae-metricsd"};
	bool is_root = geteuid() == 0; /* who reads everything */

	rig_put(r, ETC ".d/1.conf", "");
	rig_put(r, ETC, "");
	permit(r, ETC, 0);
	permit(r, ETC ".d", 0);
	for (size_t i = 0; i < COUNT(folders); i++) {
		permit(r, folders[i], 0755);
	}
	assert_int_equal(is_root ? seteuid(NOBODY) : 0, 0);
	load_system(r);
	assert_int_equal(is_root ? seteuid(0) : 0, 0);
	permit(r, ETC ".d", 0700);
	assert_int_equal(r->result, -EACCES);
	assert_string_equal(r->problems, ETC ": Permission denied\n" ETC ".d: Permission denied\n");
}

static void a_folder_full_of_files_is_told(void **state) {
	struct rig *r = *state;
	char name[PATH_MAX];

	for (unsigned i = 0; i < 256; i++) {
		snprintf(name, sizeof name, ETC ".d/%u.conf", i);
		rig_put(r, name, "");
	}
	load_system(r);
	rig_assert_good(r);
	rig_put(r, RUN ".d/257.conf", "");
	load_system(r);
	assert_int_equal(r->result, -EINVAL);
	assert_string_equal(r->problems, "there are more than 256 files in the .conf.d folders\n");
}

static void a_root_is_a_whole_path(void **state) {
	struct rig *r = *state;

	setenv("SAE_METRICSD_CONFIG_ROOT", "image", 1);
	load_system(r);
	rig_assert_told(r, "SAE_METRICSD_CONFIG_ROOT: expected a path that begins with /\n");
}

/* ---- variables ---- */

static void our_variable_goes_before_wandbs_and_both_before_files(void **state) {
	struct rig *r = *state;

	rig_put(r, ETC, ENTITY("file"));
	setenv("WANDB_ENTITY", "theirs", 1);
	load_system(r);
	assert_entity(r, "theirs", ETC "\n");
	setenv("SAE_METRICSD_WANDB_ENTITY", "ours", 1);
	load_system(r);
	assert_entity(r, "ours", ETC "\n");
	rig_assert_source(r, "entity", "SAE_METRICSD_WANDB_ENTITY");
	setenv("SAE_METRICSD_WANDB_ENTITY", "", 1);
	load_system(r);
	assert_entity(r, "theirs", ETC "\n");
}

static void a_bad_variable_is_told_by_its_name(void **state) {
	struct rig *r = *state;

	setenv("SAE_METRICSD_LIMITS_RUNS", "many", 1);
	load_system(r);
	rig_assert_told(r, "SAE_METRICSD_LIMITS_RUNS: runs: expected a number from 1 to 1000000\n");
}

static void a_variable_that_sets_nothing_is_remarked_upon(void **state) {
	struct rig *r = *state;

	setenv("SAE_METRICSD_WANDB_MOD", "off", 1);
	load_system(r);
	rig_assert_good(r);
	assert_string_equal(r->remarks,
		"SAE_METRICSD_WANDB_MOD: there is nothing of this name to set: `sae-metricsd "
		"config` lists what there is (SAE_METRICSD_SECTION_KEY)\n");
	unsetenv("SAE_METRICSD_WANDB_MOD");
	setenv("SAE_METRICSD_CONFIG", "/dev/null", 1);
	load_system(r);
	assert_string_equal(r->remarks, "");
}

static void a_user_who_is_not_here_is_remarked_upon_once(void **state) {
	struct rig *r = *state;

	rig_put(r, ETC, "[user no-such-user]\nruns = 1\nkeys = 1\n");
	load_system(r);
	rig_assert_good(r);
	assert_string_equal(r->remarks,
		ETC ":1: there is no user no-such-user here: what is said of him waits for the "
		    "next start or reload\n");
}

/* ---- flags ---- */

static void load_flags(struct rig *r, const struct settings_flag *flags, size_t n) {
	rig_load_as(r, (struct settings_options){.is_system = true, .flags = flags, .n_flags = n});
}

static void a_flag_goes_before_everything(void **state) {
	static const struct settings_flag flags[] = {
		{"--set", NULL, "wandb.entity=first=or not"},
		{"--set", NULL, "wandb.entity=flag"},
		{"--rank-grace", "ranks.grace", "7s"},
		{"--set", NULL, "user 7.runs=3"},
	};
	struct rig *r = *state;
	struct user_limits limits;

	rig_put(r, ETC, ENTITY("file") "[user 7]\nruns = 1\n");
	setenv("SAE_METRICSD_WANDB_ENTITY", "variable", 1);
	load_flags(r, flags, COUNT(flags));
	assert_entity(r, "flag", ETC "\n");
	rig_assert_source(r, "entity", "--set wandb.entity");
	assert_int_equal(r->settings.ranks.grace_ms, 7000);
	settings_user_limits(&r->settings, 7, &limits);
	assert_int_equal(limits.runs, 3);
}

static void a_flag_that_sets_nothing_is_told(void **state) {
	static const struct {
		const char *text, *problem;
	} bad[] = {
		{"wandb.mode", "--set wandb.mode: expected SECTION.KEY=VALUE\n"},
		{"mode=off", "--set mode: expected SECTION.KEY=VALUE\n"},
		{"=", "--set : expected SECTION.KEY=VALUE\n"},
		{"wandb.mode=on", "--set wandb.mode: expected online, offline or off\n"},
		{"alarms.on=nan",
			"--set alarms.on: there is no section [alarms], but " SECTIONS "\n"},
		{"ranks.mode=off",
			"--set ranks.mode: there is no \"mode\" in [ranks], but grace\n"},
		{"user a b.runs=1", "--set user a b.runs: expected [user NAME], or a uid in place "
				    "of the name\n"},
		{"user 7.runs=no", "--set user 7.runs: expected a number from 1 to 1000000\n"},
	};
	struct rig *r = *state;

	for (size_t i = 0; i < COUNT(bad); i++) {
		const struct settings_flag flag = {"--set", NULL, bad[i].text};
		load_flags(r, &flag, 1);
		rig_assert_told(r, bad[i].problem);
	}
	const struct settings_flag own = {"--rank-grace", "ranks.grace", "soon"};
	load_flags(r, &own, 1);
	rig_assert_told(r, "--rank-grace: expected a time from 100ms to 1d, as 500ms, 15s or 2m\n");
}

/* ---- together ---- */

static void backups_have_a_time_and_a_folder(void **state) {
	static const struct {
		const char *lines, *problem;
	} bad[] = {{"every = 1h\n", "2"}, {"to = /var/backups/sae\n", "2"}, {"keep = 3\n", "2"}};
	struct rig *r = *state;
	char text[128], problem[256];

	rig_load(r, "[backup]\nevery = 6h\nto = /var/backups/sae\n");
	rig_assert_good(r);
	assert_int_equal(r->settings.backup.every_ms, 6 * 3600000);
	assert_string_equal(r->settings.backup.folder, "/var/backups/sae");
	assert_int_equal(r->settings.backup.keep, 7);
	for (size_t i = 0; i < COUNT(bad); i++) {
		snprintf(text, sizeof text, "[backup]\n%s", bad[i].lines);
		rig_load(r, text);
		snprintf(problem, sizeof problem,
			"%s: `every` and `to` of [backup], as --backup-every TIME and --backup-to "
			"DIR, go together\n",
			bad[i].problem);
		rig_assert_told(r, problem);
	}
}

static void no_l0_is_above_its_ceiling_and_below_its_floor(void **state) {
	struct rig *r = *state;

	rig_load(r, "[alerts]\nl0_min = 10\nl0_max = 100\n");
	rig_assert_good(r);
	rig_load(r, "[alerts]\nl0_min = 100\nl0_max = 10\n");
	rig_assert_told(r, "3: l0_max: expected more than l0_min, which is 100\n");
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(the_first_main_file_hides_the_others),
		T(a_drop_in_lies_over_the_main_file_key_by_key),
		T(drop_ins_are_read_by_their_names_whatever_their_folders),
		T(a_name_in_etc_hides_the_same_name_behind_it),
		T(only_names_that_end_so_are_drop_ins),
		T(a_user_has_his_own_files_over_those_for_all_users),
		T(a_file_that_is_named_is_read_alone),
		T(a_mistake_in_one_file_is_told_with_it),
		T(a_key_may_stand_in_each_file_once),
		T(a_link_that_leads_nowhere_is_told),
		T(a_folder_of_drop_ins_that_is_none_is_told),
		T(a_folder_where_a_file_should_be_is_told),
		T(a_pipe_is_told_and_not_waited_for),
		T(what_everybody_may_write_is_refused),
		T(what_may_not_be_read_is_told),
		T(a_folder_full_of_files_is_told),
		T(a_root_is_a_whole_path),
		T(our_variable_goes_before_wandbs_and_both_before_files),
		T(a_bad_variable_is_told_by_its_name),
		T(a_variable_that_sets_nothing_is_remarked_upon),
		T(a_user_who_is_not_here_is_remarked_upon_once),
		T(a_flag_goes_before_everything),
		T(a_flag_that_sets_nothing_is_told),
		T(backups_have_a_time_and_a_folder),
		T(no_l0_is_above_its_ceiling_and_below_its_floor),
	};
#undef T
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("sources", tests, NULL, NULL);
}
