"""Options and commands that have been renamed: an old name is answered with the new one."""

from facekp.errors import InputError

OPTIONS = {"--origin": "--pixel-offset", "--mirror": "--flip-tta", "--views": "--augment",
           "--authors": "--original-recipe"}
COMMANDS: dict[tuple[str, ...], str] = {
    ("results", "run"): "python -m book.experiments.run_plan",
    ("bench", "reader"): "python -m book.experiments.speed reader",
    ("bench", "speed"): "python -m book.experiments.speed measure",
    ("bench", "generated"): "python -m book.experiments.synthetic_to_real",
}


def check(arguments: list[str]) -> None:
    """Raise InputError for an option or a command of an earlier version; the message names today's."""
    words = tuple(arguments[:2])
    if words[:1] == ("bench",) or words in COMMANDS:
        now = COMMANDS.get(words, "python -m book.experiments.speed --help")
        raise InputError(f"The experiments behind the book's tables left the library. From a checkout: {now}")
    for argument in arguments:
        name = argument.partition("=")[0]
        if name in OPTIONS:
            raise InputError(f"The option {name} is called {OPTIONS[name]} now. Use that.")
