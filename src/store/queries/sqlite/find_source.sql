SELECT id FROM source WHERE hash = ?1
