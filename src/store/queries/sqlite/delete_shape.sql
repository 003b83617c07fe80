DELETE FROM shape WHERE id = ?1
  AND NOT EXISTS (SELECT 1 FROM detail WHERE shape = ?1)
  AND NOT EXISTS (SELECT 1 FROM rollup_tree WHERE shape = ?1)
