/* All there is to set: a line a key. */
#include "settings_private.h"

#include <stdio.h>
#include <string.h>

#include "duration.h"
#include "text.h"

#define MINUTE_MS 60000u
#define HOUR_MS   3600000u
#define DAY_S     86400ull
#define AGE_MAX_S (3650 * DAY_S) /* ten years: who means longer means forever */

#define KiB (1ull << 10)
#define MiB (1ull << 20)
#define GiB (1ull << 30)
#define TiB (1ull << 40)

#define ACCESS(name, member)      "access", name, offsetof(struct settings, access.member)
#define HOST_LIMIT(name, member)  "limits", name, offsetof(struct settings, limits.member)
#define USER_LIMIT(name, member)  "limits", name, offsetof(struct settings, limits.user.member)
#define ALERTS(name, member)      "alerts", name, offsetof(struct settings, alerts.member)
#define RETENTION(name, member)   "retention", name, offsetof(struct settings, retention.member)
#define WANDB(name)               "wandb", #name, offsetof(struct settings, wandb.name)
#define WANDB_FIELD(name, member) "wandb", #name, offsetof(struct settings, wandb.member)

/* W&B's own words for its modes are taken, too. */
static const struct settings_word modes[] = {
	{"online", WANDB_MODE_ONLINE},
	{"offline", WANDB_MODE_OFFLINE},
	{"off", WANDB_MODE_OFF},
	{"run", WANDB_MODE_ONLINE},
	{"dryrun", WANDB_MODE_OFFLINE},
	{"disabled", WANDB_MODE_OFF},
	{0},
};

static const struct settings_word log_levels[] = {
	{"error", LOG_LEVEL_ERROR},
	{"warning", LOG_LEVEL_WARNING},
	{"info", LOG_LEVEL_INFO},
	{"debug", LOG_LEVEL_DEBUG},
	{0},
};

static const struct settings_word axes[] = {
	{"step", WANDB_X_AXIS_STEP},
	{"tokens", WANDB_X_AXIS_TOKENS},
	{0},
};

static const struct settings_word stops[] = {
	{"bad-run", ALERTS_STOP_BAD_RUN},
	{"none", ALERTS_STOP_NONE},
	{0},
};

/* Octal, as chmod has them. */
static const struct settings_word socket_modes[] = {
	{"0600", 0600},
	{"0660", 0660},
	{"0666", 0666},
	{"600", 0600},
	{"660", 0660},
	{"666", 0666},
	{0},
};

#define AGE                                                                                        \
	&settings_kind_age, "forever", .min = 60, .max = AGE_MAX_S, .unbounded = "forever",        \
				       .unbounded_value = RETENTION_FOREVER, .is_live = true

const struct settings_key settings_keys[] = {
	{WANDB(base_url), &settings_kind_url, "https://api.wandb.ai", {"WANDB_BASE_URL"}},
	{WANDB(app_url), &settings_kind_url, NULL, {"WANDB_APP_URL"}},
	{WANDB(entity), &settings_kind_name, NULL, {"WANDB_ENTITY"}},
	{WANDB(project), &settings_kind_name, NULL, {"WANDB_PROJECT"}},
	{WANDB(mode), &settings_kind_word, "online", {"WANDB_MODE"}, .words = modes,
		.words_expected = "online, offline or off"},
	{WANDB(extra_metrics), &settings_kind_switch, "yes"},
	{WANDB(x_axis), &settings_kind_word, "step", .words = axes,
		.words_expected = "step or tokens"},
	{WANDB_FIELD(transmit_interval, transmit_interval_ms), &settings_kind_duration, "15s",
		.min = 100, .max = HOUR_MS, .is_live = true},
	/* W&B calls a run crashed that is silent for some five minutes. */
	{WANDB_FIELD(heartbeat_interval, heartbeat_interval_ms), &settings_kind_duration, "30s",
		.min = 1000, .max = 4 * MINUTE_MS, .is_live = true},
	{WANDB_FIELD(request_timeout, request_timeout_ms), &settings_kind_duration, "3m",
		.min = 1000, .max = HOUR_MS, .is_live = true},
	{WANDB(requests_per_s), &settings_kind_count, "20", .min = 1, .max = 1000, .is_live = true},
	{WANDB(key_file), &settings_kind_path},
	{WANDB(proxy_http), &settings_kind_address, NULL, {"WANDB_HTTP_PROXY"}},
	{WANDB(proxy_https), &settings_kind_address, NULL, {"WANDB_HTTPS_PROXY"}},
	{WANDB(ca_file), &settings_kind_path, NULL, {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"}},
	{WANDB(ca_directory), &settings_kind_path, NULL, {"SSL_CERT_DIR"}},
	{WANDB(insecure_tls), &settings_kind_switch, "no", {"WANDB_INSECURE_DISABLE_SSL"}},
	{WANDB(allow_insecure_http), &settings_kind_switch, "no"},
	{"ranks", "grace", offsetof(struct settings, ranks.grace_ms), &settings_kind_duration, "2m",
		.min = RANK_GRACE_MIN_MS, .max = RANK_GRACE_MAX_MS, .is_live = true},

	{ACCESS("socket_group", socket_group), &settings_kind_group},
	{ACCESS("socket_mode", socket_mode), &settings_kind_word, "0660", .words = socket_modes,
		.words_expected = "0600, 0660 or 0666", .preset_of_user = "0600"},
	{ACCESS("admin_group", admin_group), &settings_kind_group, "sae-metrics-admin",
		.is_live = true},
	{ACCESS("trust_root", trust_root), &settings_kind_switch, "no", .is_live = true},
	{ACCESS("nobody", trust_nobody), &settings_kind_switch, "no", .is_live = true},
	{ACCESS("private", private_runs), &settings_kind_switch, "no", .is_live = true},

	/* Beside a user of the host there are others, and `status`: he has a tenth of the connections, more runs than one
	 * trains at once, 40 of a million features or 20 with 8 ranks, and 64 dense steps of those on their way. */
	{USER_LIMIT("connections", connections), &settings_kind_count, "1024", .min = 1,
		.max = 1000000, .is_per_user = true, .is_live = true, .preset_of_user = "10000"},
	{USER_LIMIT("runs", runs), &settings_kind_count, "512", .min = 1, .max = 1000000,
		.is_per_user = true, .is_live = true, .preset_of_user = "4000"},
	{USER_LIMIT("keys", keys), &settings_kind_count, "512", .min = 1, .max = 1000000,
		.is_per_user = true, .is_live = true, .preset_of_user = "4000"},
	{USER_LIMIT("memory", memory_bytes), &settings_kind_size, "2G", .min = MiB, .max = TiB,
		.is_per_user = true, .is_live = true, .preset_of_user = "3G"},
	{USER_LIMIT("queued", queued_bytes), &settings_kind_size, "256M", .min = MiB, .max = TiB,
		.is_per_user = true, .is_live = true, .preset_of_user = "512M"},
	{USER_LIMIT("database", database_bytes), &settings_kind_size, "none", .min = MiB,
		.max = KiB * TiB, .unbounded = "none", .unbounded_value = 0, .is_per_user = true,
		.is_live = true},
	{HOST_LIMIT("host_connections", host_connections), &settings_kind_count, "10240", .min = 1,
		.max = 1000000, .is_live = true},
	{HOST_LIMIT("host_memory", host_memory_bytes), &settings_kind_size, "4G", .min = 64 * MiB,
		.max = KiB * TiB, .is_live = true},

	{RETENTION("steps", steps_s), AGE},
	{RETENTION("windows", windows_s), AGE},
	{RETENTION("runs", runs_s), AGE},
	{RETENTION("max_db", max_db_bytes), &settings_kind_size, "none", .min = 16 * MiB,
		.max = KiB * TiB, .unbounded = "none", .unbounded_value = RETENTION_NO_MAX,
		.is_live = true},

	/* A healthy run has less than half of its features dead, and is never half as fast as it was. */
	{ALERTS("dead", dead_share), &settings_kind_share, "50%", .min = 1, .max = 99,
		.is_live = true},
	{ALERTS("l0_min", l0_min), &settings_kind_number, "off", .max = 1u << 24, .is_live = true},
	{ALERTS("l0_max", l0_max), &settings_kind_number, "off", .max = 1u << 24, .is_live = true},
	{ALERTS("explained_variance_min", explained_variance_min), &settings_kind_number, "off",
		.max = 1, .is_live = true},
	{ALERTS("throughput", throughput_share), &settings_kind_share, "50%", .min = 1, .max = 99,
		.is_live = true},
	{ALERTS("front", front), &settings_kind_switch, "no", .is_live = true},
	{ALERTS("stop", stop), &settings_kind_word, "bad-run", .words = stops,
		.words_expected = "bad-run or none", .is_live = true},
	{ALERTS("exec", exec), &settings_kind_path, NULL, .is_live = true},
	{ALERTS("exec_timeout", exec_timeout_ms), &settings_kind_duration, "10s", .min = 100,
		.max = 10 * MINUTE_MS, .is_live = true},

	{"disk", "keep_free", offsetof(struct settings, disk.keep_free_bytes), &settings_kind_size,
		"256M", .min = 0, .max = KiB * TiB, .is_live = true},

	{"backup", "every", offsetof(struct settings, backup.every_ms), &settings_kind_span,
		"never", .min = BACKUP_SET_EVERY_MIN_MS, .max = DURATION_MAX_MS,
		.unbounded = "never", .unbounded_value = 0},
	{"backup", "to", offsetof(struct settings, backup.folder), &settings_kind_path},
	{"backup", "keep", offsetof(struct settings, backup.keep), &settings_kind_count, "7",
		.min = 1, .max = BACKUP_SET_KEEP_MAX},

	{"daemon", "exit_when_idle", offsetof(struct settings, daemon.idle_ms), &settings_kind_span,
		"never", .min = IDLE_SET_MIN_MS, .max = DURATION_MAX_MS, .unbounded = "never",
		.unbounded_value = 0},
	{"daemon", "log_level", offsetof(struct settings, daemon.log_level), &settings_kind_word,
		"info", .words = log_levels, .words_expected = "error, warning, info or debug",
		.is_live = true},
};
const size_t settings_n_keys = sizeof settings_keys / sizeof settings_keys[0];

_Static_assert(sizeof settings_keys / sizeof settings_keys[0] <= SETTINGS_KEYS_MAX,
	"each key has a source");

bool settings_key_belongs(const struct settings_key *key, const char *section, bool is_user) {
	return is_user ? key->is_per_user : strcmp(key->section, section) == 0;
}

const char *settings_no_such_section(struct text section, char out[SETTINGS_WORDS_SIZE]) {
	char known[256] = "", quote[TEXT_QUOTE_SIZE];
	const char *last = "";
	size_t len = 0;

	for (size_t i = 0; i < settings_n_keys; i++) {
		if (strcmp(settings_keys[i].section, last) != 0 && len < sizeof known) {
			last = settings_keys[i].section;
			len += (size_t)snprintf(known + len, sizeof known - len, "%s, ", last);
		}
	}
	snprintf(out, SETTINGS_WORDS_SIZE, "there is no section [%s], but %suser NAME",
		text_quote(section, quote), known);
	return out;
}

/* Where a key for W&B is to be instead: nobody is to look for the right spelling. */
static bool is_secret(const char *section, const char *name) {
	return strcmp(section, "wandb") == 0 &&
	       (strcmp(name, "key") == 0 || strcmp(name, "api_key") == 0);
}

const char *settings_no_such_key(
	const char *section, bool is_user, const char *name, char out[SETTINGS_WORDS_SIZE]) {
	char known[SETTINGS_WORDS_SIZE] = "", quote[TEXT_QUOTE_SIZE], where[TEXT_QUOTE_SIZE];
	size_t len = 0;

	if (is_secret(section, name)) {
		snprintf(out, SETTINGS_WORDS_SIZE,
			"a key for W&B is never in here: it goes into a file of its own "
			"(key_file), or to "
			"the service (sae-metricsd(8))");
		return out;
	}
	for (size_t i = 0; i < settings_n_keys; i++) {
		if (settings_key_belongs(&settings_keys[i], section, is_user) &&
			len < sizeof known) {
			len += (size_t)snprintf(known + len, sizeof known - len, "%s%s",
				len > 0 ? ", " : "", settings_keys[i].name);
		}
	}
	snprintf(out, SETTINGS_WORDS_SIZE, "there is no \"%s\" in [%s], but %.1000s",
		text_quote(text_of(name, strlen(name)), quote),
		text_quote(text_of(section, strlen(section)), where), known);
	return out;
}

bool settings_has_section(const char *section) {
	for (size_t i = 0; i < settings_n_keys; i++) {
		if (strcmp(settings_keys[i].section, section) == 0) {
			return true;
		}
	}
	return false;
}

int settings_find(const char *section, const char *name) {
	for (size_t i = 0; i < settings_n_keys; i++) {
		if (strcmp(settings_keys[i].section, section) == 0 &&
			strcmp(settings_keys[i].name, name) == 0) {
			return (int)i;
		}
	}
	return -1;
}
