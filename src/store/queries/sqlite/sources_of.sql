SELECT o.process, o.source FROM source_of o
WHERE o.file = ?1
ORDER BY o.seen_ns DESC, o.source DESC
