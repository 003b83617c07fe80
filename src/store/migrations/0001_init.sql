-- Schema version 1; docs/formats/store.md explains each table. Times are Unix nanoseconds, NULL is "not recorded".

-- Words: interned once per store by a 64-bit hash of their content. They are never deleted.
CREATE TABLE string(id INTEGER PRIMARY KEY, hash INTEGER NOT NULL UNIQUE, text TEXT NOT NULL);
CREATE TABLE symbol(id INTEGER PRIMARY KEY, hash INTEGER NOT NULL UNIQUE, file INTEGER NOT NULL, path INTEGER NOT NULL,
                    name TEXT NOT NULL, line INTEGER NOT NULL, kind INTEGER NOT NULL, flags INTEGER NOT NULL);
CREATE TABLE statement(id INTEGER PRIMARY KEY, hash INTEGER NOT NULL UNIQUE, engine INTEGER NOT NULL, verb INTEGER NOT NULL,
                       text TEXT NOT NULL);
CREATE TABLE route(id INTEGER PRIMARY KEY, hash INTEGER NOT NULL UNIQUE, method TEXT NOT NULL, rule TEXT NOT NULL,
                   endpoint TEXT NOT NULL);
CREATE TABLE shape(id INTEGER PRIMARY KEY, hash INTEGER NOT NULL UNIQUE, bytes BLOB NOT NULL);

-- Who recorded. `lost` is known only after the process is gone.
CREATE TABLE process(id INTEGER PRIMARY KEY, boot_id BLOB NOT NULL, pid INTEGER NOT NULL, start_ns INTEGER NOT NULL,
                     last_ns INTEGER NOT NULL, interpreter TEXT NOT NULL, command TEXT NOT NULL, revision INTEGER NOT NULL,
                     host TEXT NOT NULL, started INTEGER NOT NULL, finished INTEGER NOT NULL, pushed INTEGER NOT NULL,
                     stored INTEGER NOT NULL, sampled_out INTEGER NOT NULL, dropped_ring INTEGER NOT NULL,
                     dropped_tree INTEGER NOT NULL, dropped_store INTEGER NOT NULL, dropped_memory INTEGER NOT NULL,
                     lost INTEGER NOT NULL, own_ns INTEGER NOT NULL, errors INTEGER NOT NULL,
                     UNIQUE(boot_id, pid, start_ns));
-- What a process did not record, by the minute in which it said so.
CREATE TABLE loss(process INTEGER NOT NULL, minute INTEGER NOT NULL, sampled_out INTEGER NOT NULL, dropped_ring INTEGER NOT NULL,
                  dropped_tree INTEGER NOT NULL, dropped_store INTEGER NOT NULL, dropped_memory INTEGER NOT NULL,
                  lost INTEGER NOT NULL, errors INTEGER NOT NULL, PRIMARY KEY(process, minute)) WITHOUT ROWID;

-- One narrow row a request, appended: ids grow in the order of commits. `extra`: a detail too small for a row of its own.
CREATE TABLE request(id INTEGER PRIMARY KEY, request_id INTEGER NOT NULL, start_ns INTEGER NOT NULL, wall_ns INTEGER NOT NULL,
                     own_ns INTEGER NOT NULL, cpu_ns INTEGER, process INTEGER NOT NULL, seq INTEGER NOT NULL,
                     route INTEGER NOT NULL, revision INTEGER NOT NULL, status INTEGER NOT NULL, flags INTEGER NOT NULL,
                     level INTEGER NOT NULL, weight INTEGER NOT NULL, statements INTEGER NOT NULL, sql_ns INTEGER NOT NULL,
                     bytes_out INTEGER, exception_type INTEGER NOT NULL, detailed INTEGER NOT NULL, extra BLOB);
-- Which 1,024 requests (id >> 10) lie in which time: what an index on the time would say, in a thousandth of its bytes.
CREATE TABLE block(id INTEGER PRIMARY KEY, first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL);
CREATE TABLE detail(id INTEGER PRIMARY KEY, shape INTEGER, events BLOB NOT NULL, tree BLOB);
CREATE INDEX detail_shape ON detail(shape) WHERE shape IS NOT NULL;

-- Per minute and key, one row for each stretch in which a process kept the key in memory; readers add them up.
CREATE TABLE rollup(id INTEGER PRIMARY KEY, minute INTEGER NOT NULL, route INTEGER NOT NULL, revision INTEGER NOT NULL,
                    level INTEGER NOT NULL, process INTEGER NOT NULL, requests INTEGER NOT NULL, errors INTEGER NOT NULL,
                    total_ns INTEGER NOT NULL, cpu_ns INTEGER NOT NULL, cpu_requests INTEGER NOT NULL, own_ns INTEGER NOT NULL,
                    statements INTEGER NOT NULL, sql_ns INTEGER NOT NULL, covered INTEGER NOT NULL);
CREATE INDEX rollup_minute ON rollup(minute);
CREATE TABLE rollup_blob(id INTEGER PRIMARY KEY, sketch BLOB NOT NULL, statements BLOB NOT NULL);
CREATE TABLE rollup_tree(id INTEGER PRIMARY KEY, rollup INTEGER NOT NULL, shape INTEGER NOT NULL, requests INTEGER NOT NULL,
                         inner_ps INTEGER NOT NULL, outer_ps INTEGER NOT NULL, tree BLOB NOT NULL, UNIQUE(rollup, shape));
CREATE INDEX rollup_tree_shape ON rollup_tree(shape);

CREATE TABLE source(id INTEGER PRIMARY KEY, hash INTEGER NOT NULL UNIQUE, length INTEGER NOT NULL, packed BLOB NOT NULL);
CREATE TABLE source_of(process INTEGER NOT NULL, file INTEGER NOT NULL, source INTEGER NOT NULL, seen_ns INTEGER NOT NULL,
                       PRIMARY KEY(file, process, source)) WITHOUT ROWID;

CREATE TABLE label(id INTEGER PRIMARY KEY, name TEXT NOT NULL, from_ns INTEGER NOT NULL, to_ns INTEGER NOT NULL);
CREATE TABLE finding(id INTEGER PRIMARY KEY, state INTEGER NOT NULL, muted INTEGER NOT NULL, first_ns INTEGER NOT NULL,
                     last_ns INTEGER NOT NULL, reason TEXT NOT NULL);
CREATE TABLE setting(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
-- Numbers about the store itself: evicted_requests, evicted_detail, generation, shape_generation, detail_from, detail_from_ns.
CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
