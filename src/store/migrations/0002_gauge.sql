-- Schema version 2: what a recording process uses, a row a minute.
CREATE TABLE gauge(process INTEGER NOT NULL, minute INTEGER NOT NULL, at_ns INTEGER NOT NULL, rss_bytes INTEGER NOT NULL,
                   peak_rss_bytes INTEGER NOT NULL, cpu_ns INTEGER NOT NULL, threads INTEGER NOT NULL, fds INTEGER NOT NULL,
                   PRIMARY KEY(minute, process)) WITHOUT ROWID;
