"""The one error that a user's input can cause."""


class InputError(ValueError):
    """Something the user gave is not as it should be: a file, a folder, an option.

    The message is one sentence each of what was expected, what was found (file, row and
    column where there are any) and what to do. The command line prints it without a traceback
    and exits with code 2.
    """
