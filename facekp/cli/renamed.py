"""Options that have another name now: whoever types the old one is told the new one."""

from facekp.errors import InputError

OPTIONS = {"--origin": "--pixel-offset", "--mirror": "--flip-tta"}


def check(arguments: list[str]) -> None:
    """Raise InputError for an option of an earlier version; the message names today's."""
    for argument in arguments:
        name = argument.partition("=")[0]
        if name in OPTIONS:
            raise InputError(f"The option {name} is called {OPTIONS[name]} now. Use that.")
