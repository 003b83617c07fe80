SELECT id FROM symbol WHERE hash = ?1
