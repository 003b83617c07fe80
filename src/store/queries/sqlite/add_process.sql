INSERT INTO process(boot_id, pid, start_ns, last_ns, interpreter, command, revision, host, started, finished, pushed, stored,
                    sampled_out, dropped_ring, dropped_tree, dropped_store, dropped_memory, lost, own_ns, errors)
VALUES(?1, ?2, ?3, ?4, '', '', 0, '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
