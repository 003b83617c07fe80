-- Minutes that touch the scope; ?3 is a revision's string id or 0.
SELECT sum(l.sampled_out), sum(l.dropped_ring), sum(l.dropped_tree), sum(l.dropped_store), sum(l.dropped_memory), sum(l.lost), sum(l.errors),
       sum(l.waits), sum(l.wait_ns)
FROM loss l
WHERE l.minute >= ?1 AND l.minute <= ?2
  AND (?3 = 0 OR l.process IN (SELECT id FROM process WHERE revision = ?3))
