DELETE FROM rollup WHERE minute = ?1
