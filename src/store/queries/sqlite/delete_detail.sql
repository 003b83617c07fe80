DELETE FROM detail WHERE id <= ?1
