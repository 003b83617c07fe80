SELECT r.id, r.minute, r.route, r.revision, r.level, r.requests, r.errors, r.total_ns, r.cpu_ns, r.cpu_requests, r.own_ns,
       r.statements, r.covered, b.sketch, b.statements
FROM rollup r LEFT JOIN rollup_blob b ON b.id = r.id
WHERE r.minute >= ?1 AND r.minute < ?2
