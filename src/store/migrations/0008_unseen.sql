-- Schema version 8: which waits of a process cannot be seen, since there is nothing to hook; '' if none.
ALTER TABLE process ADD COLUMN unseen TEXT NOT NULL DEFAULT '';
