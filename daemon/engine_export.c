/* QUERY export: what is kept of a run, a page at a time, for whoever may see it and may not read the database. */
#include <errno.h>
#include <stdio.h>

#include "engine_private.h"
#include "extract.h"

static void on_page(void *user, struct buf *page, int status, const char *words) {
	struct query *query = user;
	bool is_mistaken = status == -EINVAL && query->peer != NULL;

	if (is_mistaken) {
		struct peer *peer = query->peer;
		peer->query = NULL;
		query_reply(peer, query->token, ERROR_BAD_VALUE, words, NULL);
		session_resume(peer->session);
	} else {
		struct peer *peer = query_answered(query, status, words);
		if (peer != NULL) {
			query_reply_text(peer, query->token, page);
			session_resume(peer->session);
		}
	}
	query_free(query);
}

static int ask_page(struct store *s, const char *run_part, const struct viewer *viewer,
	store_report_fn on_report, void *user) {
	const struct query *query = user;
	(void)on_report; /* it is no report, but a text */
	const struct extract_query extract = {
		.run_part = run_part,
		.viewer = *viewer,
		.table = query->table,
		.after = query->after,
	};

	return store_extract(s, &extract, on_page, user);
}

enum session_verdict peer_export(struct peer *peer, const struct msg_query *query) {
	if (query->run.len == 0) {
		query_reply(peer, query->token, REPLY_NO_SUCH_RUN,
			"which run? a part of its id or name is enough", NULL);
		return SESSION_READ_ON;
	}
	return query_ask(peer, query, ask_page, NULL);
}
