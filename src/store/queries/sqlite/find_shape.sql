SELECT id FROM shape WHERE hash = ?1
