DELETE FROM gauge WHERE minute < ?1
