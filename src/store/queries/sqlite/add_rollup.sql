INSERT INTO rollup(minute, route, revision, level, process, requests, errors, total_ns, cpu_ns, cpu_requests, own_ns, statements,
                   sql_ns, covered)
VALUES(?1, ?2, ?3, ?4, ?5, 0, 0, 0, 0, 0, 0, 0, 0, 0)
