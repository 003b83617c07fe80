-- As rollups.sql, without the big parts.
SELECT id, minute, route, revision, level, requests, errors, total_ns, cpu_ns, cpu_requests, own_ns, statements, covered
FROM rollup
WHERE minute >= ?1 AND minute < ?2
