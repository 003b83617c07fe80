UPDATE process SET last_ns = ?2, interpreter = ?3, command = ?4, revision = ?5, host = ?6, started = ?7, finished = ?8,
                   pushed = ?9, stored = ?10, sampled_out = ?11, dropped_ring = ?12, dropped_tree = ?13, dropped_store = ?14,
                   dropped_memory = ?15, own_ns = ?16, errors = ?17, waits = ?18, wait_ns = ?19, unseen = ?20
WHERE id = ?1
