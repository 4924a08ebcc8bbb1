#include "payload.h"

#include "payload_writer.h"

static void put_files(struct payload_writer *w, const struct payload_stream *stream) {
	payload_put(w, "\"files\":{");
	if (stream->history.len > 0) {
		payload_put(w, "\"wandb-history.jsonl\":{\"offset\":");
		payload_put_integer(w, stream->offset);
		payload_put(w, ",\"content\":[");
		payload_put_part(w, stream->history);
		payload_put(w, "]}");
	}
	if (stream->summary != NULL) {
		/* One line, written over again each time. */
		payload_put(w, stream->history.len > 0 ? "," : "");
		payload_put(w, "\"wandb-summary.json\":{\"offset\":0,\"content\":[");
		payload_put_text(w, stream->summary);
		payload_put(w, "]}");
	}
	payload_put(w, "}");
}

int payload_stream(struct buf *out, const struct payload_stream *stream) {
	bool files = stream->history.len > 0 || stream->summary != NULL;
	struct payload_writer w;

	payload_begin(&w, out);
	payload_put(&w, "{");
	if (files) {
		put_files(&w, stream);
	}
	if (stream->complete) {
		payload_put(&w, files ? ",\"complete\":true" : "\"complete\":true");
		payload_put(&w, ",\"exitcode\":");
		payload_put_integer(&w, stream->exit_code);
	}
	payload_put(&w, "}");
	return payload_end(&w);
}
