SELECT request_id, seq, start_ns, wall_ns, own_ns, cpu_ns, route, revision, status, flags, level, weight, statements, sql_ns,
       bytes_out, exception_type, extra, process
FROM request WHERE id = ?1
