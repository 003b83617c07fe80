INSERT INTO rollup_tree(rollup, shape, requests, inner_ps, outer_ps, tree) VALUES(?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT(rollup, shape) DO UPDATE SET requests = excluded.requests, inner_ps = excluded.inner_ps,
    outer_ps = excluded.outer_ps, tree = excluded.tree
