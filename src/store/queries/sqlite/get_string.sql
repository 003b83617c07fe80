SELECT text FROM string WHERE id = ?1
