SELECT id, start_ns, wall_ns, own_ns, cpu_ns, process, route, revision, status, flags, level, statements, sql_ns, detailed
FROM request
WHERE id >= ?1 AND id <= ?2 AND start_ns >= ?3 AND start_ns < ?4
ORDER BY id
