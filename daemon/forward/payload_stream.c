#include "payload.h"

#include "payload_writer.h"

int payload_stream_begin(struct buf *out, int64_t offset) {
	struct payload_writer w;

	payload_begin(&w, out);
	payload_put(&w, "{\"files\":{\"wandb-history.jsonl\":{\"offset\":");
	payload_put_integer(&w, offset);
	payload_put(&w, ",\"content\":[");
	return payload_end(&w);
}

/* One line, written over again each time. */
static void put_summary(struct payload_writer *w, const char *summary) {
	payload_put(w, "\"wandb-summary.json\":{\"offset\":0,\"content\":[");
	payload_put_text(w, summary);
	payload_put(w, "]}");
}

int payload_stream(struct buf *out, const struct payload_stream *stream) {
	bool files = stream->lines || stream->summary != NULL;
	struct payload_writer w;

	payload_begin(&w, out);
	payload_put(&w, stream->lines ? "]}" : files ? "{\"files\":{" : "{");
	if (stream->summary != NULL) {
		payload_put(&w, stream->lines ? "," : "");
		put_summary(&w, stream->summary);
	}
	payload_put(&w, files ? "}" : "");
	if (stream->complete) {
		payload_put(&w, files ? ",\"complete\":true" : "\"complete\":true");
		payload_put(&w, ",\"exitcode\":");
		payload_put_integer(&w, stream->exit_code);
	}
	payload_put(&w, "}");
	return payload_end(&w);
}
