#include "message.h"

static const char *const names[] = {
	[MSG_HELLO] = "HELLO",
	[MSG_WELCOME] = "WELCOME",
	[MSG_REFUSAL] = "REFUSAL",
	[MSG_OPEN] = "OPEN",
	[MSG_OPENED] = "OPENED",
	[MSG_STEP] = "STEP",
	[MSG_LOG] = "LOG",
	[MSG_EVENT] = "EVENT",
	[MSG_MARK] = "MARK",
	[MSG_RESTORE] = "RESTORE",
	[MSG_UPDATE] = "UPDATE",
	[MSG_DROPPED] = "DROPPED",
	[MSG_FLUSH] = "FLUSH",
	[MSG_FINISH] = "FINISH",
	[MSG_SNAPSHOT] = "SNAPSHOT",
	[MSG_STATE] = "STATE",
	[MSG_ACK] = "ACK",
	[MSG_STOP] = "STOP",
	[MSG_ERROR] = "ERROR",
	[MSG_QUERY] = "QUERY",
	[MSG_REPLY] = "REPLY",
};

const char *message_name(uint64_t type) {
	const char *name = type < sizeof names / sizeof names[0] ? names[type] : NULL;

	return name != NULL ? name : "unknown";
}

bool message_has_seq(uint64_t type) {
	switch (type) {
	case MSG_STEP:
	case MSG_LOG:
	case MSG_EVENT:
	case MSG_MARK:
	case MSG_RESTORE:
	case MSG_UPDATE:
	case MSG_DROPPED:
	case MSG_FINISH:
		return true;
	default:
		return false;
	}
}

uint64_t message_seq(const struct message *m) {
	switch (m->type) {
	case MSG_STEP:
		return m->step.seq;
	case MSG_LOG:
		return m->log.seq;
	case MSG_EVENT:
		return m->event.seq;
	case MSG_MARK:
		return m->mark.seq;
	case MSG_RESTORE:
		return m->restore.seq;
	case MSG_UPDATE:
		return m->update.seq;
	case MSG_DROPPED:
		return m->dropped.seq;
	case MSG_FINISH:
		return m->finish.seq;
	default:
		return 0;
	}
}

bool message_has_payload(uint64_t type) {
	return type == MSG_STEP || type == MSG_RESTORE || type == MSG_STATE || type == MSG_REPLY;
}

bool message_is_daemons(uint64_t type) {
	switch (type) {
	case MSG_WELCOME:
	case MSG_REFUSAL:
	case MSG_OPENED:
	case MSG_STATE:
	case MSG_ACK:
	case MSG_STOP:
	case MSG_ERROR:
	case MSG_REPLY:
		return true;
	default:
		return false;
	}
}

size_t message_payload_len(const struct message *m) {
	switch (m->type) {
	case MSG_STEP:
		return m->step.nonzero.len + m->step.positive.len;
	case MSG_RESTORE:
		return m->restore.state_len;
	case MSG_STATE:
		return m->state.state_len;
	case MSG_REPLY:
		return m->reply.json_len;
	default:
		return 0;
	}
}
