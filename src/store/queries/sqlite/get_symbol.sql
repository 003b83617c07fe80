SELECT f.text, p.text, s.name, s.line, s.kind, s.flags
FROM symbol s LEFT JOIN string f ON f.id = s.file LEFT JOIN string p ON p.id = s.path
WHERE s.id = ?1
