SELECT state, muted, first_ns, last_ns, reason FROM finding WHERE id = ?1
