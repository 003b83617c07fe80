SELECT length, packed FROM source WHERE id = ?1
