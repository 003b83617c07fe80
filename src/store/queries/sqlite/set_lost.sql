UPDATE process SET lost = ?2 WHERE id = ?1
