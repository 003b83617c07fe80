SELECT min(minute) FROM rollup
