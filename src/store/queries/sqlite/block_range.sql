SELECT min(id) * 1024, max(id) * 1024 + 1023, count(*) * 1024, min(first_ns) FROM block WHERE last_ns >= ?1 AND first_ns < ?2
