"""The one error that a user's input can cause."""

from collections.abc import Iterable

MAX_MESSAGE = 1600  # characters of a message


class InputError(ValueError):
    """Something the user gave is not as it should be: a file, a folder, an option.

    The message is one sentence each of what was expected, what was found (file, row and
    column where there are any) and what to do. The command line prints it without a traceback
    and exits with code 2.

    It quotes what it found, and that may be anything: line breaks and control characters become
    escapes such as ``\\n``, so that a message is one line and cannot command the terminal, and a
    very long one loses its middle.

    Args:
        message: the sentences.
        steps: what to do, where that takes lines of its own: the library's own text, printed as it is.
    """

    def __init__(self, message: str, steps: str = "") -> None:
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
        if len(text) > MAX_MESSAGE:
            text = f"{text[:MAX_MESSAGE * 3 // 4]} ... {text[-MAX_MESSAGE // 4:]}"
        super().__init__(f"{text}\n{steps}" if steps else text)


def listed(names: list[str]) -> str:
    """Names for a message: the first eight, and how many more."""
    return "nothing" if not names else ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def check_choice(what: str, name: str, options: Iterable[str]) -> None:
    """Raise InputError unless ``name`` is one of ``options``."""
    if name not in options:
        raise InputError(f"There is no {what} '{name}'. Known: {', '.join(options)}.")
