INSERT INTO block(id, first_ns, last_ns) VALUES(?1, ?2, ?3)
ON CONFLICT(id) DO UPDATE SET first_ns = min(first_ns, excluded.first_ns), last_ns = max(last_ns, excluded.last_ns)
