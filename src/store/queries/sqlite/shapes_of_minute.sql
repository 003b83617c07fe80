SELECT DISTINCT shape FROM rollup_tree WHERE rollup IN (SELECT id FROM rollup WHERE minute = ?1)
