SELECT id FROM request WHERE id >= ?1 AND id <= ?2 AND request_id = ?3 ORDER BY id DESC LIMIT 1
