INSERT INTO detail(id, shape, events, tree) VALUES(?1, ?2, ?3, ?4)
