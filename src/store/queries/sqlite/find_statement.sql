SELECT id FROM statement WHERE hash = ?1
