"""signalbox -- a gateway's dashboard: it asks its neighbours, keeps a little in SQLite, and packs files."""
