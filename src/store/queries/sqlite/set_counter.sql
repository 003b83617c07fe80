INSERT OR REPLACE INTO counter(name, value) VALUES(?1, ?2)
