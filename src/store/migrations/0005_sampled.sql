-- Schema version 5: what the sampler of a process saw outside of requests, and how well it ran; about a row a minute.
-- `shape` and `vals` are a tree as rollup_tree has it, the shape inline: two of them are hardly ever the same.
CREATE TABLE sampled(id INTEGER PRIMARY KEY, process INTEGER NOT NULL, from_ns INTEGER NOT NULL, to_ns INTEGER NOT NULL,
                     sweeps INTEGER NOT NULL, samples INTEGER NOT NULL, torn INTEGER NOT NULL, late INTEGER NOT NULL,
                     cpu_ns INTEGER NOT NULL, rate_hz INTEGER NOT NULL, mode INTEGER NOT NULL, shape BLOB NOT NULL, vals BLOB NOT NULL);
CREATE INDEX sampled_from ON sampled(from_ns);
