INSERT INTO sampled(process, from_ns, to_ns, sweeps, samples, torn, late, cpu_ns, rate_hz, mode, shape, vals)
VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
