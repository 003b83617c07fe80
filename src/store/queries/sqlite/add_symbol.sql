INSERT INTO symbol(hash, file, path, name, line, kind, flags) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)
