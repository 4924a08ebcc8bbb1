/* Who a connection is, and whose a stream is. */
#include "engine_private.h"

static const char nobody_words[] =
	"uid 65534 is whoever has no user here (a user namespace hides who he is), and all of them "
	"would be one: `nobody = yes` in [access] takes them all the same";

struct asker peer_asker(const struct peer *peer) {
	const struct access_rules *rules = &peer->engine->access;
	bool is_member =
		rules->has_admin_gid && session_in_group(peer->session, (gid_t)rules->admin_gid);

	return access_asker(rules, session_uid(peer->session), is_member);
}

const char *peer_unwelcome(const struct peer *peer) {
	return access_admits(&peer->engine->access, session_uid(peer->session)) ? NULL
										: nobody_words;
}

bool peer_may_take_over(const struct peer *peer, const uint8_t stream_id[STREAM_ID_SIZE]) {
	const struct stream *stream = registry_find_stream(peer->engine->registry, stream_id);
	struct asker asker = peer_asker(peer);

	return stream == NULL || access_owns(&asker, run_uid(stream_run(stream)));
}

struct viewer engine_viewer(const struct engine *e, const struct asker *asker) {
	return (struct viewer){
		.uid = asker->uid,
		.sees_all = asker->is_admin,
		.all_private = e->access.private_runs,
	};
}

void engine_set_access(struct engine *e, const struct access_rules *rules) {
	e->access = *rules;
}
