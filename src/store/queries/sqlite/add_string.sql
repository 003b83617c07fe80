INSERT INTO string(hash, text) VALUES(?1, ?2)
