INSERT OR REPLACE INTO plan(id, at_ns, text) VALUES(?1, ?2, ?3)
