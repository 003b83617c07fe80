-- As scan.sql: the requests of the route and revision of ?3.
SELECT id, start_ns, wall_ns, own_ns, cpu_ns, process, route, revision, status, flags, level, statements, sql_ns, detailed
FROM request
WHERE id >= ?1 AND id <= ?2 AND route = (SELECT route FROM request WHERE id = ?3)
  AND revision = (SELECT revision FROM request WHERE id = ?3)
ORDER BY id
