-- Schema version 6: which requests a block holds, as a filter over their ids: what an index on `request_id` would say, in two bytes a request and written
-- once. A block that is not full yet, or was before this version, has none.
CREATE TABLE block_ids(id INTEGER PRIMARY KEY, bits BLOB NOT NULL);
