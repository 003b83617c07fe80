SELECT shape, events, tree FROM detail WHERE id = ?1
