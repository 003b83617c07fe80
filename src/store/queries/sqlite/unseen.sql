SELECT pid, start_ns, unseen FROM process WHERE unseen <> '' AND last_ns >= ?1 AND start_ns < ?2
