INSERT INTO label(name, from_ns, to_ns) VALUES(?1, ?2, 0)
