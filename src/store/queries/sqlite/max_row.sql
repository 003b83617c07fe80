SELECT max(id) FROM request
