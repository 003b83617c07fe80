-- Schema version 3: what a finding said when it was last seen, and what its repair saved. measured_ns NULL: not measured.
ALTER TABLE finding ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE finding ADD COLUMN route TEXT NOT NULL DEFAULT '';
ALTER TABLE finding ADD COLUMN file TEXT NOT NULL DEFAULT '';
ALTER TABLE finding ADD COLUMN line INTEGER NOT NULL DEFAULT 0;
ALTER TABLE finding ADD COLUMN function TEXT NOT NULL DEFAULT '';
ALTER TABLE finding ADD COLUMN title TEXT NOT NULL DEFAULT '';
ALTER TABLE finding ADD COLUMN predicted_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE finding ADD COLUMN fixed_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE finding ADD COLUMN measured_ns INTEGER;
ALTER TABLE finding ADD COLUMN low_ns INTEGER;
ALTER TABLE finding ADD COLUMN high_ns INTEGER;
