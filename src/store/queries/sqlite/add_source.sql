INSERT INTO source(hash, length, packed) VALUES(?1, ?2, ?3)
