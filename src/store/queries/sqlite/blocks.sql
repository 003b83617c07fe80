SELECT b.id, i.bits FROM block b LEFT JOIN block_ids i ON i.id = b.id ORDER BY b.id DESC
