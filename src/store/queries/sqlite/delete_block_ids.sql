DELETE FROM block_ids WHERE id <= ?1
