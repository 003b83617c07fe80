INSERT INTO source_of(process, file, source, seen_ns) VALUES(?1, ?2, ?3, ?4)
ON CONFLICT(file, process, source) DO UPDATE SET seen_ns = excluded.seen_ns
