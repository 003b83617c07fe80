SELECT state, muted, first_ns, last_ns, reason, kind, route, file, line, function, title, predicted_ns, fixed_ns, measured_ns, low_ns, high_ns, id
  FROM finding ORDER BY last_ns DESC, id
