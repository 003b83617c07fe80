SELECT p.pid, s.from_ns, s.to_ns, s.sweeps, s.samples, s.torn, s.late, s.cpu_ns, s.rate_hz, s.mode, s.shape, s.vals
FROM sampled s JOIN process p ON p.id = s.process WHERE s.from_ns >= ?1 AND s.from_ns < ?2 ORDER BY s.from_ns, p.pid
