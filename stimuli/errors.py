"""The one exception that a person who runs a command is meant to read."""


class UserError(Exception):
    """Bad input or an environment that cannot do what was asked.

    The message is one sentence that says what is wrong, where (file, row, column or key), and what
    to do about it. The command line prints it and exits with 1; it never prints a traceback for it.
    """
