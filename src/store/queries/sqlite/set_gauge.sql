INSERT OR REPLACE INTO gauge(process, minute, at_ns, rss_bytes, peak_rss_bytes, cpu_ns, threads, fds)
VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
