/* What the wire allows, each with its reason. PROTOCOL.md §1 is the table.
 * (Not named limits.h: that would hide the C library's from whoever sees this folder.) */
#pragma once

#include <stdint.h>

/* The newest version and the two before it are served: tests/golden/clients has a client of each. */
#define PROTO_VERSION_MIN 1u
#define PROTO_VERSION_MAX 1u

#define FRAME_PREFIX_SIZE 8u
#define HEADER_LEN_MAX    262144u /* an OPEN with the run's config */
#define HEADER_DEPTH_MAX  5u      /* LOG: array, list, entry, histogram, its counts */
#define HEADER_ITEMS_MAX  16384u  /* a LOG of 1,024 entries, or 12 histograms of 512 bins */
#define HEADER_BYTES_MAX  196608u /* one string or bin: config */

#define D_SAE_MAX       (1u << 24)  /* 256 MiB of state a run */
#define STATE_SMALL_MAX 262144u     /* of a state, what does not grow with d_sae */
#define STEP_MAX        2147483645u /* differences of steps are kept in 32 bits */
#define LAP_MAX         2147483645u /* each begins with a message */

#define SEQ_MAX ((uint64_t)INT64_MAX) /* SQLite's integers are signed */

#define STREAM_ID_SIZE     16u
#define DB_ID_SIZE         16u
#define RUN_ID_MAX         64u
#define LAUNCH_ID_MAX      128u
#define RANKS_MAX          64u /* streams of one run on one host */
#define SCALARS_MAX        256u
#define NAME_MAX_BYTES     128u /* of a scalar, a key suffix */
#define KEY_MAX_BYTES      256u
#define TEXT_MAX_BYTES     65536u /* a LOG's text, notes */
#define FIELD_MAX_BYTES    4096u  /* other text fields of OPEN, an event's text */
#define EVENT_KIND_MAX     64u
#define QUERY_WHAT_MAX     64u
#define QUERY_AFTER_MAX    96u
#define QUERY_POINTS_MAX   512u /* of a curve: as many as a screen of 256 columns has dots */
#define QUERY_SQL_MAX      65536u
#define QUERY_MS_MAX       60000u /* of a question in SQL: others wait for it */
#define QUERY_REASON_MAX   256u   /* a sentence, said to the trainer */
#define LOG_ENTRIES_MAX    1024u
#define HISTOGRAM_BINS_MAX 512u /* W&B's own limit */
#define THRESHOLDS_MAX     16u
#define LIST_MAX           64u   /* tags; args are cut at this many */
#define NOTE_SIZE_MAX      1024u /* what a trainer leaves for the next start */
#define MARKS_KEPT         3u

/* The largest payload either side may announce for a run of d_sae features. */
#define PAYLOAD_LEN_MAX(d_sae) (16ull * (d_sae) + STATE_SMALL_MAX)
#define REPLY_PAYLOAD_MAX      (64u << 20)
