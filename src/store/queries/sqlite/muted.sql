-- A row a finding there ever was: some hundreds.
SELECT id, state, first_ns, last_ns, reason FROM finding WHERE muted != 0 ORDER BY id LIMIT ?1
