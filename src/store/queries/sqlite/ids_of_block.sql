SELECT request_id FROM request WHERE id >= ?1 AND id <= ?2
