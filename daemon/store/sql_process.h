/* What the daemon and the process in which it has a question in SQL answered (`sae-metricsd answer-sql`) say to each other.
 *
 * On stdin: {"database", "sql", "uid", "sees_all", "all_private", "timeout_ms"}. On stdout the answer, {"schema": 1, "columns": [names], "rows":
 * [[values]]} with values as in a page of `export`; with another exit status than 0 a sentence. */
#pragma once

#define SQL_PROCESS_COMMAND "answer-sql"
#define SQL_ANSWER_MAX      (16u << 20) /* bytes of an answer */

#define SQL_ANSWER_TOO_LARGE                                                                       \
	"the answer is larger than 16 MiB: ask for fewer rows or columns (LIMIT), or take all "    \
	"of it with `sae-metricsd export`"

/* Exit statuses, beside 0. */
enum {
	SQL_PROCESS_FAILED = 1,
	SQL_PROCESS_MISTAKEN = 10,
	SQL_PROCESS_TOO_LONG,
	SQL_PROCESS_TOO_LARGE
};
