INSERT OR REPLACE INTO rollup_blob(id, sketch, statements) VALUES(?1, ?2, ?3)
