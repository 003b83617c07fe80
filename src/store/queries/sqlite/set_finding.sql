INSERT OR REPLACE INTO finding(id, state, muted, first_ns, last_ns, reason, kind, route, file, line, function, title, predicted_ns, fixed_ns, measured_ns, low_ns, high_ns)
VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
