SELECT from_ns, to_ns FROM label WHERE name = ?1 ORDER BY from_ns DESC, id DESC LIMIT 1 OFFSET ?2
