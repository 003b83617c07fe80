SELECT 1 FROM shape WHERE id = ?1
