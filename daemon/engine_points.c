/* QUERY points: where each run stands, for those who compare them. */
#include "engine_private.h"
#include "points.h"

static void on_points(void *user, struct buf *text, int status, const char *words) {
	struct query *query = user;
	struct peer *peer = query_answered(query, status, words);

	if (peer != NULL) {
		query_reply_text(peer, query->token, text);
		session_resume(peer->session);
	}
	query_free(query);
}

static int ask_points(struct store *s, const char *run_part, const struct viewer *viewer,
	store_report_fn on_report, void *user) {
	const struct query *query = user;
	const struct points_query points = {
		.viewer = *viewer,
		.has_at_tokens = query->has_at_tokens,
		.at_tokens = query->at_tokens,
		.has_at_time = query->has_at_time,
		.at_time = query->at_time,
		.trajectory = query->trajectory,
		.without_config = query->without_config,
	};

	(void)run_part;
	(void)on_report; /* it is no report, but a text */
	return store_points(s, &points, on_points, user);
}

enum session_verdict peer_points(struct peer *peer, const struct msg_query *query) {
	return query_ask(peer, query, ask_points, NULL);
}
