DELETE FROM rollup_blob WHERE id IN (SELECT id FROM rollup WHERE minute = ?1)
