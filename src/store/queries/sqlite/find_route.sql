SELECT id FROM route WHERE hash = ?1
