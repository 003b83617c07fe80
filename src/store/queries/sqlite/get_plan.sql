SELECT at_ns, text FROM plan WHERE id = ?1
