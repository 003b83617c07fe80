"""Tables as the migrations left them, with a year of made up rows."""

from __future__ import annotations

MELTS = """(
    id INT PRIMARY KEY, furnace_id INT NOT NULL, lot_code VARCHAR(12) NOT NULL, poured_at DATETIME NOT NULL,
    kg INT NOT NULL, celsius INT NOT NULL, remark VARCHAR(80) NOT NULL, KEY furnace_time (furnace_id, poured_at){more}
)"""


def statements() -> list[str]:
    """What makes the database."""
    return [
        "CREATE TABLE customers (id INT PRIMARY KEY, name VARCHAR(60), region VARCHAR(20), terms INT)",
        "INSERT INTO customers SELECT seq, CONCAT('Works ', seq), ELT(seq % 4 + 1, 'north', 'east', 'south', 'west'),"
        " 14 + seq % 3 * 14 FROM seq_1_to_900",
        "CREATE TABLE orders (id INT PRIMARY KEY, customer_id INT NOT NULL, reference VARCHAR(20), due_on DATE,"
        " state VARCHAR(10), total DECIMAL(10, 2), KEY (customer_id), KEY (due_on))",
        "INSERT INTO orders SELECT seq, seq * 7 % 900 + 1, CONCAT('PO-', seq), DATE_ADD('2026-01-01', INTERVAL"
        " seq % 364 DAY), ELT(seq % 3 + 1, 'open', 'poured', 'sent'), seq % 977 * 12.25 FROM seq_1_to_6000",
        "CREATE TABLE alloys (id INT PRIMARY KEY, name VARCHAR(20), carbon FLOAT)",
        "INSERT INTO alloys SELECT seq, CONCAT('GJL-', 100 + seq * 10), 2.8 + seq / 20 FROM seq_1_to_12",
        "CREATE TABLE parts (id INT PRIMARY KEY, number VARCHAR(20), name VARCHAR(60), alloy_id INT, grams INT,"
        " pattern VARCHAR(20), remark VARCHAR(120), KEY (alloy_id))",
        "INSERT INTO parts SELECT seq, CONCAT('C-', 10000 + seq), CONCAT('Housing ', seq), seq % 12 + 1,"
        " 300 + seq * 13 % 9000, CONCAT('M', seq % 200), REPEAT('core box to be checked. ', 3) FROM seq_1_to_2600",
        "CREATE TABLE order_lines (id INT PRIMARY KEY, order_id INT NOT NULL, part_id INT NOT NULL, quantity INT,"
        " poured INT, KEY (order_id), KEY (part_id))",
        "INSERT INTO order_lines SELECT seq, seq % 6000 + 1, seq * 11 % 2600 + 1, 4 + seq % 60, seq % 31"
        " FROM seq_1_to_18000",
        "CREATE TABLE furnaces (id INT PRIMARY KEY, name VARCHAR(20), hall INT)",
        "INSERT INTO furnaces SELECT seq, CONCAT('Furnace ', seq), seq % 3 FROM seq_1_to_14",
        *(
            text
            for table, more in (("melts", ""), ("melts_by_lot", ", KEY (lot_code)"))
            for text in (
                f"CREATE TABLE {table} {MELTS.format(more=more)}",
                f"INSERT INTO {table} SELECT seq, seq % 14 + 1, CONCAT('L0', seq % 5000), DATE_ADD('2026-01-01',"
                " INTERVAL seq * 7 MINUTE), 400 + seq % 300, 1380 + seq % 90, 'tapped without slag'"
                " FROM seq_1_to_60000",
            )
        ),
        "CREATE TABLE bookings (id INT PRIMARY KEY, furnace_id INT, first_day INT, last_day INT, label VARCHAR(20))",
        "INSERT INTO bookings SELECT seq, seq % 14 + 1, seq DIV 14 * 6, seq DIV 14 * 6 + seq % 5, CONCAT('PO-', seq)"
        " FROM seq_1_to_270",
        "CREATE TABLE measurements (id INT PRIMARY KEY, part_id INT, millimetres DOUBLE, KEY (part_id))",
        "INSERT INTO measurements SELECT seq, seq % 80, 20 + (seq * 37 % 101) / 1000 FROM seq_1_to_20000",
        "CREATE TABLE settings (name VARCHAR(40) PRIMARY KEY, value VARCHAR(80))",
        "INSERT INTO settings VALUES ('currency', 'EUR'), ('site', 'Hall Road'), ('shift_hours', '8'),"
        " ('locale', 'en')",
        "CREATE TABLE grants (id INT PRIMARY KEY, login VARCHAR(20), verb VARCHAR(20), KEY (login))",
        "INSERT INTO grants SELECT seq, ELT(seq % 4 + 1, 'ida', 'jon', 'kim', 'lea'), CONCAT('verb', seq)"
        " FROM seq_1_to_60",
        "CREATE TABLE bins (id INT PRIMARY KEY, part_id INT, shelf VARCHAR(10), quantity INT, reserved INT,"
        " KEY (part_id))",
        "INSERT INTO bins SELECT seq, seq, CONCAT('S', seq % 40), 100 + seq % 50, 0 FROM seq_1_to_2600",
    ]
