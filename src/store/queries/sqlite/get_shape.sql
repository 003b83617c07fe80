SELECT bytes FROM shape WHERE id = ?1
