UPDATE rollup SET requests = ?2, errors = ?3, total_ns = ?4, cpu_ns = ?5, cpu_requests = ?6, own_ns = ?7, statements = ?8,
                  sql_ns = ?9, covered = ?10
WHERE id = ?1
