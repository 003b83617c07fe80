-- Schema version 7: how often, and how long, a thread of the application waited for the store.
ALTER TABLE process ADD COLUMN waits INTEGER NOT NULL DEFAULT 0;
ALTER TABLE process ADD COLUMN wait_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE loss ADD COLUMN waits INTEGER NOT NULL DEFAULT 0;
ALTER TABLE loss ADD COLUMN wait_ns INTEGER NOT NULL DEFAULT 0;
