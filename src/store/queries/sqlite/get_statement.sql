SELECT engine, verb, text FROM statement WHERE id = ?1
