SELECT id FROM string WHERE hash = ?1
