/* What the engine says of runs and their users in the log, with the fields by which it is found there. */
#pragma once

struct engine;
struct feed;
struct log_about;
struct msg_open;
struct peer;
struct run;
struct run_cut;
struct session;
struct text;

/* The run's id and whose it is. Borrowed from the run, until the engine's next turn. */
struct log_about engine_about(const struct engine *e, const struct run *run, const char *kind);
void engine_say_opened(const struct peer *peer, const struct msg_open *open, bool is_resumed);
void engine_say_refusal(const struct engine *e, const struct session *s, struct text words);
/* Where its state is another than was last said. */
void engine_say_state(const struct engine *e, struct feed *feed, const struct run_cut *cut);
/* The sparsity windows that closed, once they are committed. */
void engine_say_windows(const struct engine *e, const struct run_cut *cut);
/* The alerts by rule that began, or are over, likewise. */
void engine_say_alerts(const struct engine *e, const struct run_cut *cut);
/* Who joined and who left the front of the run's project, likewise. */
void engine_say_front(const struct engine *e, const struct run_cut *cut);
/* A trainer that ends without a word is worth one in the log. */
void engine_say_lost_ranks(const struct engine *e);
