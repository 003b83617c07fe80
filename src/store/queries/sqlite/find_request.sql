-- No index: newest first finds what people ask for at once, and a hundred thousand rows take some milliseconds.
SELECT id FROM request WHERE request_id = ?1 ORDER BY id DESC LIMIT 1
