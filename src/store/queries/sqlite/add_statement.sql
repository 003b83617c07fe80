INSERT INTO statement(hash, engine, verb, text) VALUES(?1, ?2, ?3, ?4)
