"""The commands of manage.py, one group a module: thin, and imported only when called."""
