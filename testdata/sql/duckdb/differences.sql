SELECT count(*)
FROM (
    SELECT schema_name, table_name, column_name, column_index, data_type, is_nullable, column_default
    FROM duckdb_columns()
    WHERE database_name IN ($1, $2) AND NOT internal
    GROUP BY ALL
    HAVING count(DISTINCT database_name) != 2
)
