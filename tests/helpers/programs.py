"""What a command line in a test starts: ``facekp``, or with ``run_plan`` as its first word the book's plan runner."""

import sys

from facekp import cli


def run(arguments: list[str]) -> None:
    """The program with these arguments, in this process."""
    if arguments[:1] == ["run_plan"]:
        from book.experiments.run_plan import app

        sys.argv = ["run_plan", *arguments[1:]]
        cli.main(app)
    sys.argv = ["facekp", *arguments]
    cli.main()
