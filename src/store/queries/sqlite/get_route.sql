SELECT method, rule, endpoint FROM route WHERE id = ?1
