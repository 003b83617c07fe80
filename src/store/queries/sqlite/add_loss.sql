INSERT INTO loss(process, minute, sampled_out, dropped_ring, dropped_tree, dropped_store, dropped_memory, lost, errors, waits, wait_ns)
VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
ON CONFLICT(process, minute) DO UPDATE SET
    sampled_out = sampled_out + excluded.sampled_out, dropped_ring = dropped_ring + excluded.dropped_ring,
    dropped_tree = dropped_tree + excluded.dropped_tree, dropped_store = dropped_store + excluded.dropped_store,
    dropped_memory = dropped_memory + excluded.dropped_memory, lost = lost + excluded.lost,
    errors = errors + excluded.errors, waits = waits + excluded.waits, wait_ns = wait_ns + excluded.wait_ns
