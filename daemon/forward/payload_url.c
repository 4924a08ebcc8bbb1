#include "payload.h"

#include <stdio.h>
#include <string.h>

#include "payload_writer.h"

static struct text without_slashes(const char *url) {
	size_t len = strlen(url);

	while (len > 0 && url[len - 1] == '/') {
		len--;
	}
	return text_of(url, len);
}

/* RFC 3986 §2.3; not isalnum, which asks the locale. */
static bool is_unreserved(unsigned char c) {
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-._~", c) != NULL);
}

static void put_segment(struct payload_writer *w, const char *segment) {
	payload_put(w, "/");
	for (const char *p = segment; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;
		char escaped[] = {*p, '\0', '\0', '\0'};
		if (!is_unreserved(c)) {
			(void)snprintf(escaped, sizeof escaped, "%%%02X", c);
		}
		payload_put(w, escaped);
	}
}

int payload_graphql_url(struct buf *out, const char *base_url) {
	struct payload_writer w;

	payload_begin(&w, out);
	payload_put_part(&w, without_slashes(base_url));
	payload_put(&w, "/graphql");
	return payload_end(&w);
}

int payload_stream_url(struct buf *out, const char *base_url, const char *entity,
	const char *project, const char *run_id) {
	struct payload_writer w;

	payload_begin(&w, out);
	payload_put_part(&w, without_slashes(base_url));
	payload_put(&w, "/files");
	put_segment(&w, entity);
	put_segment(&w, project);
	put_segment(&w, run_id);
	payload_put(&w, "/file_stream");
	return payload_end(&w);
}

/* The pages are on another host than the API where that is called api.; a server of one's own has one for both. */
static void put_app(struct payload_writer *w, struct text base) {
	static const struct {
		const char *api, *app;
	} hosts[] = {
		{"://api.wandb.test", "://app.wandb.test"},
		{"://api.wandb.", "://wandb."},
		{"://api.", "://app."},
	};

	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		size_t len = strlen(hosts[i].api);
		const char *found = memmem(base.data, base.len, hosts[i].api, len);
		if (found != NULL) {
			size_t before = (size_t)(found - base.data);
			payload_put_part(w, text_of(base.data, before));
			payload_put(w, hosts[i].app);
			payload_put_part(w, text_of(found + len, base.len - before - len));
			return;
		}
	}
	payload_put_part(w, base);
}

int payload_run_url(struct buf *out, const char *base_url, const char *app_url, const char *entity,
	const char *project, const char *run_id) {
	struct payload_writer w;

	payload_begin(&w, out);
	if (app_url != NULL && app_url[0] != '\0') {
		payload_put_part(&w, without_slashes(app_url));
	} else {
		put_app(&w, without_slashes(base_url));
	}
	put_segment(&w, entity);
	put_segment(&w, project);
	payload_put(&w, "/runs");
	put_segment(&w, run_id);
	return payload_end(&w);
}
