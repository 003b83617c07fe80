UPDATE label SET to_ns = ?2
WHERE id = (SELECT id FROM label WHERE name = ?1 AND to_ns = 0 ORDER BY from_ns DESC, id DESC LIMIT 1)
