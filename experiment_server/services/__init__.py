"""The only writers of the database: functions that are handed a connection, a time and a request."""
