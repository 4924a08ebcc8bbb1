#include "sql_views.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run_match.h"
#include "schema.h"

/* What a scan is thought to cost: of one run, of its rows from here to there, of one step of it, and of all. */
#define COST_ALL   1e8
#define COST_RUN   1e6
#define COST_RANGE 1e5
#define COST_STEP  10.0

#define COLUMNS_MAX 128
/* The number of a constraint's value in a statement: what RUN_VISIBLE asks for has those before it. */
#define FIRST_VALUE 10

struct view {
	sqlite3_vtab base; /* first */
	const struct sql_views *of;
	char *name;
	char *columns[COLUMNS_MAX];
	int n_columns, run_column, step_column; /* -1: none */
};

struct cursor {
	sqlite3_vtab_cursor base; /* first */
	sqlite3_stmt *st;
	sqlite3_int64 row;
	bool is_over;
};

/* ---- what a view looks like ---- */

/* As the current schema has it, whatever a file says. */
static int open_shape(sqlite3 **ret) {
	int rc = sqlite3_open(":memory:", ret);

	return rc == SQLITE_OK ? schema_migrate(*ret) : rc;
}

static int take_columns(struct view *v, sqlite3_stmt *st, struct buf *declaration) {
	int err = buf_printf(declaration, "CREATE TABLE x (");

	v->n_columns = sqlite3_column_count(st);
	v->run_column = v->step_column = -1;
	if (v->n_columns > COLUMNS_MAX) {
		return SQLITE_TOOBIG;
	}
	for (int i = 0; err == 0 && i < v->n_columns; i++) {
		const char *name = sqlite3_column_name(st, i),
			   *type = sqlite3_column_decltype(st, i);
		bool is_id = strcmp(v->name, "runs") == 0 || strcmp(v->name, "removed_runs") == 0;
		v->columns[i] = strdup(name);
		v->run_column = strcmp(name, is_id ? "id" : "run") == 0 ? i : v->run_column;
		v->step_column = !is_id && strcmp(name, "step") == 0 ? i : v->step_column;
		err = v->columns[i] == NULL
			      ? -1
			      : buf_printf(declaration, "%s\"%s\" %s", i > 0 ? ", " : "", name,
					type != NULL ? type : "");
	}
	err = err < 0 ? err : buf_printf(declaration, ")");
	return err < 0 || buf_text(declaration) == NULL ? SQLITE_NOMEM : SQLITE_OK;
}

static int look_at(struct view *v, struct buf *declaration) {
	sqlite3_stmt *st = NULL;
	char select[96];

	(void)snprintf(select, sizeof select, "SELECT * FROM \"%s\"", v->name);
	int rc = sqlite3_prepare_v2(v->of->shape, select, -1, &st, NULL);
	rc = rc == SQLITE_OK ? take_columns(v, st, declaration) : rc;
	(void)sqlite3_finalize(st);
	return rc;
}

static void free_view(struct view *v) {
	for (int i = 0; i < v->n_columns && i < COLUMNS_MAX; i++) {
		free(v->columns[i]);
	}
	free(v->name);
	free(v);
}

static int on_connect(sqlite3 *asking, void *user, int argc, const char *const *argv,
	sqlite3_vtab **ret, char **ret_words) {
	struct view *v = calloc(1, sizeof *v);
	struct buf declaration = {0};
	(void)argc;
	(void)ret_words;

	if (v == NULL || (v->name = strdup(argv[2])) == NULL) {
		free(v);
		return SQLITE_NOMEM;
	}
	v->of = user;
	int rc = look_at(v, &declaration);
	rc = rc == SQLITE_OK ? sqlite3_declare_vtab(asking, (const char *)declaration.data) : rc;
	buf_finish(&declaration);
	if (rc != SQLITE_OK) {
		free_view(v);
		return rc;
	}
	*ret = &v->base;
	return SQLITE_OK;
}

/* One of its own: else the module's name would be a table. */
static int on_create(sqlite3 *asking, void *user, int argc, const char *const *argv,
	sqlite3_vtab **ret, char **ret_words) {
	return on_connect(asking, user, argc, argv, ret, ret_words);
}

static int on_disconnect(sqlite3_vtab *base) {
	free_view((struct view *)base);
	return SQLITE_OK;
}

/* ---- the statement that reads it ---- */

static const char *relation_of(unsigned char op) {
	switch (op) {
	case SQLITE_INDEX_CONSTRAINT_EQ:
		return "=";
	case SQLITE_INDEX_CONSTRAINT_GT:
		return ">";
	case SQLITE_INDEX_CONSTRAINT_GE:
		return ">=";
	case SQLITE_INDEX_CONSTRAINT_LT:
		return "<";
	case SQLITE_INDEX_CONSTRAINT_LE:
		return "<=";
	default:
		return NULL;
	}
}

/* Only what is asked for: some columns are computed. */
static int put_columns(struct buf *out, const struct view *v, sqlite3_uint64 used) {
	int err = buf_printf(out, "SELECT ");

	for (int i = 0; err == 0 && i < v->n_columns; i++) {
		bool is_used = used >> (i < 63 ? i : 63) & 1;
		err = is_used ? buf_printf(out, "%sr.\"%s\"", i > 0 ? ", " : "", v->columns[i])
			      : buf_printf(out, "%sNULL", i > 0 ? ", " : "");
	}
	return err;
}

static int put_permission(struct buf *out, const struct view *v) {
	if (v->of->viewer.sees_all) {
		return buf_printf(out, " FROM \"%s\" r WHERE 1", v->name);
	}
	if (strcmp(v->name, "runs") == 0 || strcmp(v->name, "removed_runs") == 0) {
		return buf_printf(out, " FROM \"%s\" r WHERE " RUN_VISIBLE, v->name);
	}
	/* What is of no run is the database's own. */
	return buf_printf(out,
		" FROM \"%s\" r WHERE r.run IN (SELECT r.id FROM runs_data r WHERE " RUN_VISIBLE
		")",
		v->name);
}

/* Whether the constraint can be left to us; SQLite looks at the rows once more. */
static bool takes(const struct view *v, sqlite3_index_info *info, int i) {
	const struct sqlite3_index_constraint *c = &info->aConstraint[i];
	bool is_equal = c->op == SQLITE_INDEX_CONSTRAINT_EQ;

	if (!c->usable || c->iColumn < 0 || relation_of(c->op) == NULL ||
		strcmp(sqlite3_vtab_collation(info, i), "BINARY") != 0) {
		return false;
	}
	return (c->iColumn == v->run_column && is_equal) || c->iColumn == v->step_column;
}

struct taken {
	int n;
	bool run, step, range;
};

static int put_constraints(
	struct buf *out, const struct view *v, sqlite3_index_info *info, struct taken *t) {
	int err = 0;

	for (int i = 0; err == 0 && i < info->nConstraint; i++) {
		if (takes(v, info, i)) {
			const struct sqlite3_index_constraint *c = &info->aConstraint[i];
			bool is_equal = c->op == SQLITE_INDEX_CONSTRAINT_EQ;
			info->aConstraintUsage[i].argvIndex = ++t->n;
			t->run = t->run || c->iColumn == v->run_column;
			t->step = t->step || (c->iColumn == v->step_column && is_equal);
			t->range = t->range || (c->iColumn == v->step_column && !is_equal);
			err = buf_printf(out, " AND r.\"%s\" %s ?%d", v->columns[c->iColumn],
				relation_of(c->op), FIRST_VALUE - 1 + t->n);
		}
	}
	return err;
}

/* Steps of one run are in their order anyway, both ways. */
static int put_order(
	struct buf *out, const struct view *v, sqlite3_index_info *info, const struct taken *t) {
	if (!t->run || info->nOrderBy != 1 || info->aOrderBy[0].iColumn != v->step_column ||
		v->step_column < 0) {
		return 0;
	}
	info->orderByConsumed = 1;
	return buf_printf(out, " ORDER BY r.step%s", info->aOrderBy[0].desc ? " DESC" : "");
}

static int on_best_index(sqlite3_vtab *base, sqlite3_index_info *info) {
	const struct view *v = (struct view *)base;
	struct buf out = {0};
	struct taken t = {0};
	int err = put_columns(&out, v, info->colUsed);

	err = err < 0 ? err : put_permission(&out, v);
	err = err < 0 ? err : put_constraints(&out, v, info, &t);
	err = err < 0 ? err : put_order(&out, v, info, &t);
	if (err == 0 && buf_text(&out) != NULL) {
		info->idxStr = sqlite3_mprintf("%s", (const char *)out.data);
		info->needToFreeIdxStr = 1;
	}
	buf_finish(&out);
	info->estimatedCost = !t.run    ? COST_ALL
			      : t.step  ? COST_STEP
			      : t.range ? COST_RANGE
					: COST_RUN;
	return info->idxStr == NULL ? SQLITE_NOMEM : SQLITE_OK;
}

/* ---- its rows ---- */

static int on_open(sqlite3_vtab *base, sqlite3_vtab_cursor **ret) {
	struct cursor *c = calloc(1, sizeof *c);
	(void)base;

	*ret = c != NULL ? &c->base : NULL;
	return c != NULL ? SQLITE_OK : SQLITE_NOMEM;
}

static int on_close(sqlite3_vtab_cursor *base) {
	struct cursor *c = (struct cursor *)base;

	(void)sqlite3_finalize(c->st);
	free(c);
	return SQLITE_OK;
}

/* What went wrong there is said here. */
static int report(struct cursor *c, int rc) {
	struct view *v = (struct view *)c->base.pVtab;

	if (rc != SQLITE_NOMEM && rc != SQLITE_INTERRUPT) {
		sqlite3_free(v->base.zErrMsg);
		v->base.zErrMsg = sqlite3_mprintf(
			"the database cannot be read: %s", sqlite3_errmsg(v->of->kept));
	}
	return rc;
}

static int on_next(sqlite3_vtab_cursor *base) {
	struct cursor *c = (struct cursor *)base;
	int rc = sqlite3_step(c->st);

	c->is_over = rc != SQLITE_ROW;
	c->row++;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : report(c, rc);
}

/* A join comes with the same one again and again. */
static int prepare(struct cursor *c, sqlite3 *kept, const char *select) {
	if (c->st != NULL && strcmp(sqlite3_sql(c->st), select) == 0) {
		(void)sqlite3_reset(c->st);
		return SQLITE_OK;
	}
	(void)sqlite3_finalize(c->st);
	c->st = NULL;
	return sqlite3_prepare_v2(kept, select, -1, &c->st, NULL);
}

static int on_filter(
	sqlite3_vtab_cursor *base, int number, const char *select, int argc, sqlite3_value **argv) {
	struct cursor *c = (struct cursor *)base;
	const struct view *v = (struct view *)base->pVtab;
	(void)number;

	c->row = 0;
	c->is_over = true;
	int rc = prepare(c, v->of->kept, select);
	if (rc == SQLITE_OK) {
		run_match_bind(c->st, &v->of->viewer);
	}
	for (int i = 0; rc == SQLITE_OK && i < argc; i++) {
		rc = sqlite3_bind_value(c->st, FIRST_VALUE + i, argv[i]);
	}
	return rc == SQLITE_OK ? on_next(base) : report(c, rc);
}

static int on_eof(sqlite3_vtab_cursor *base) {
	return ((struct cursor *)base)->is_over;
}

static int on_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int at) {
	sqlite3_result_value(context, sqlite3_column_value(((struct cursor *)base)->st, at));
	return SQLITE_OK;
}

static int on_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret) {
	*ret = ((struct cursor *)base)->row;
	return SQLITE_OK;
}

/* ---- all of them ---- */

static const sqlite3_module module = {
	.xCreate = on_create,
	.xConnect = on_connect,
	.xBestIndex = on_best_index,
	.xDisconnect = on_disconnect,
	.xDestroy = on_disconnect,
	.xOpen = on_open,
	.xClose = on_close,
	.xFilter = on_filter,
	.xNext = on_next,
	.xEof = on_eof,
	.xColumn = on_column,
	.xRowid = on_rowid,
};

static int offer(struct sql_views *views, sqlite3 *asking, const char *name) {
	char *create = sqlite3_mprintf("CREATE VIRTUAL TABLE \"%w\" USING kept", name);
	int rc = create != NULL ? sqlite3_exec(asking, create, NULL, NULL, NULL) : SQLITE_NOMEM;

	sqlite3_free(create);
	return rc == SQLITE_OK && buf_printf(&views->names, " %s", name) < 0 ? SQLITE_NOMEM : rc;
}

/* A view without a column that says whose a row is would have to say here who may see it. */
#define OFFERED                                                                                    \
	"SELECT name FROM sqlite_schema v WHERE type = 'view' AND (name IN ('runs', "              \
	"'removed_runs') OR EXISTS (SELECT 1 FROM "                                                \
	"pragma_table_info(v.name) c WHERE c.name = 'run')) ORDER BY name"

int sql_views_offer(struct sql_views *views, sqlite3 *asking) {
	sqlite3_stmt *st = NULL;
	int rc = open_shape(&views->shape);

	rc = rc == SQLITE_OK ? sqlite3_create_module(asking, "kept", &module, views) : rc;
	rc = rc == SQLITE_OK ? sqlite3_prepare_v2(views->shape, OFFERED, -1, &st, NULL) : rc;
	while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		rc = offer(views, asking, (const char *)sqlite3_column_text(st, 0));
	}
	(void)sqlite3_finalize(st);
	rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
	return rc == SQLITE_OK && (buf_printf(&views->names, " ") < 0 ||
					  buf_text(&views->names) == NULL)
		       ? SQLITE_NOMEM
		       : rc;
}

bool sql_views_have(const struct sql_views *views, const char *name) {
	char word[72];

	return snprintf(word, sizeof word, " %s ", name) < (int)sizeof word &&
	       strchr(name, ' ') == NULL && strstr((const char *)views->names.data, word) != NULL;
}

void sql_views_finish(struct sql_views *views) {
	(void)sqlite3_close(views->shape);
	buf_finish(&views->names);
}
