SELECT name, from_ns, to_ns FROM label ORDER BY id DESC LIMIT ?1
