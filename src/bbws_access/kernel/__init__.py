"""What every function in AWS shares: events and answers, errors, ids, keys, paging, logs, settings, the database."""
