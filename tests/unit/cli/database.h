/* Small databases of the daemon's shape, for those who read them. */
#pragma once

/* Creates `path`; rows are SQL behind the schema's own. */
void database_make(const char *path, const char *rows);
