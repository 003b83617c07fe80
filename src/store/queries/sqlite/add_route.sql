INSERT INTO route(hash, method, rule, endpoint) VALUES(?1, ?2, ?3, ?4)
