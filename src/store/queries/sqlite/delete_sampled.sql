DELETE FROM sampled WHERE from_ns < ?1
