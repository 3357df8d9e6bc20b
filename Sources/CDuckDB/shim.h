// What of DuckDB's C interface Swift cannot say by itself: a structure that is passed as a value. Nothing is linked; the library
// is opened at run time. https://duckdb.org/docs/stable/clients/c/api
#include <stdint.h>

typedef struct {
    uint64_t deprecated_column_count;
    uint64_t deprecated_row_count;
    uint64_t deprecated_rows_changed;
    void *deprecated_columns;
    char *deprecated_error_message;
    void *internal_data;
} duckdb_result;
