INSERT OR REPLACE INTO finding(id, state, muted, first_ns, last_ns, reason) VALUES(?1, ?2, ?3, ?4, ?5, ?6)
