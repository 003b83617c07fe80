SELECT shape, requests, inner_ps, outer_ps, tree FROM rollup_tree WHERE rollup = ?1
