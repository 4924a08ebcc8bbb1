/* How forwarding to W&B looks: in a cell of the table, in the title, and as a paragraph of its own. `forward` is the member
 * of that name of a run or of the daemon. */
#pragma once

#include "document.h"
#include "page.h"

/* `behind 212, 41s`; the figures where there is room for them. */
enum style render_forward_cell(const json_t *forward, const struct look *look, struct buf *text);

/* `forward wandb: ok, lag 4s` */
void render_forward_title(const json_t *forward, bool is_wide, struct page *page);

/* All of it, as facts behind a label that stands already. `run_id` may be NULL. */
void render_forward_facts(const json_t *forward, const char *run_id, struct page *page);
/* The daemon's own, in full, when it is one of these: as an alert … */
void render_forward_alert(const json_t *forward, struct page *page);
/* … or when something is amiss that is none (yet). */
void render_forward_trouble(const json_t *forward, struct page *page);
