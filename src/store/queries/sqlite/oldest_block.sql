SELECT id, first_ns, last_ns, (SELECT max(id) FROM block) FROM block ORDER BY id LIMIT 1
