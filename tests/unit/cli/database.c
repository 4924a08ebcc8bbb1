#include "database.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "schema.h"

void database_make(const char *path, const char *rows) {
	sqlite3 *sql = NULL;
	int version;

	assert_int_equal(sqlite3_open(path, &sql), SQLITE_OK);
	assert_int_equal(schema_migrate(sql), SQLITE_OK);
	assert_int_equal(schema_inspect(sql, &version), SCHEMA_CURRENT);
	assert_int_equal(sqlite3_exec(sql, rows, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(sql), SQLITE_OK);
}
