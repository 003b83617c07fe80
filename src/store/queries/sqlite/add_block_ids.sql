INSERT OR REPLACE INTO block_ids(id, bits) VALUES(?1, ?2)
