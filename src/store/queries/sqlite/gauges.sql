SELECT p.pid, p.start_ns, g.at_ns, g.rss_bytes, g.peak_rss_bytes, g.cpu_ns, g.threads, g.fds
FROM gauge g JOIN process p ON p.id = g.process
WHERE g.minute BETWEEN ?1 / 60000000000 AND ?2 / 60000000000 AND g.at_ns >= ?1 AND g.at_ns < ?2 ORDER BY g.at_ns, p.pid
