SELECT id, sampled_out, dropped_ring, dropped_tree, dropped_store, dropped_memory, lost, last_ns, errors, waits, wait_ns
FROM process WHERE boot_id = ?1 AND pid = ?2 AND start_ns = ?3
