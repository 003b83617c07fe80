SELECT id, shape FROM detail ORDER BY id LIMIT ?1
