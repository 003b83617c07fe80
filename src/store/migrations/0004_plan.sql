-- Schema version 4: the newest execution plan of a statement, without values (find/plan.h). id: a hash of its folded text.
CREATE TABLE plan(id INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, text TEXT NOT NULL);
