INSERT INTO shape(hash, bytes) VALUES(?1, ?2)
