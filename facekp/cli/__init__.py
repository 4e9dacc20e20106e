"""The command line. Every command is a library call or two; ``facekp --help`` lists them.

Exit codes: 0 done, 2 something in the input is not as expected (one message says what), 130 interrupted.
"""

import sys
from collections.abc import Callable
from typing import Annotated

import typer

import facekp
from facekp.cli import faces, inference, networks, renamed, results
from facekp.errors import InputError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Facial keypoint detection, small enough to read.\n\n"
    "A first tour:\n\n\b\n"  # \b: keep these lines as they are
    "  facekp demo                            a minute of training on synthetic faces\n"
    "  facekp download data/kaggle            Kaggle's files, with your account\n"
    "  facekp inspect data/kaggle             what is in them\n"
    "  facekp extract data/kaggle data/faces  the 2140 complete faces as images\n"
    "  facekp train data/faces runs/first     train a network\n"
    "  facekp evaluate runs/first data/faces  how far off is it?\n"
    "  facekp submit runs/first data/kaggle submission.csv",
)



def print_version(wanted: bool) -> None:
    """For ``facekp --version``: prints it and ends."""
    if wanted:
        print(f"facekp {facekp.__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The options before a command."""


function: Callable[..., None]
for function in (faces.demo, faces.download, faces.inspect, faces.extract, faces.generate,
                 networks.models, networks.weights, networks.train, networks.check, networks.find_lr,
                 inference.evaluate, inference.calibrate, inference.predict, inference.submit, results.submit_result,
                 inference.export):
    app.command()(function)
app.command("import")(faces.import_labels)

plans = typer.Typer(no_args_is_help=True, help="What the records of many runs say together.")
for function in (results.analyse, results.table, results.plots):
    plans.command()(function)
app.add_typer(plans, name="results")


def main(program: typer.Typer = app) -> None:
    """The entry point: runs a command and turns what went wrong into one line and an exit code."""
    debug = "--debug" in sys.argv
    arguments = [a for a in sys.argv[1:] if a != "--debug"]
    try:
        renamed.check(arguments)
        program(arguments)
    except InputError as error:
        if debug:
            raise
        fail(str(error))
    except MemoryError:
        if debug:
            raise
        fail("There is not enough memory for this. Take fewer faces, or a smaller file.")
    except OSError as error:
        if debug:
            raise
        fail(f"{error.filename or 'A file'}: {error.strerror or error}. Nothing half-written was left behind.")
    except FloatingPointError as error:
        fail(str(error))
    except RuntimeError as error:
        if debug or type(error).__name__ != "OutOfMemoryError":  # PyTorch's; by name, as it is not imported here
            raise
        fail("The GPU's memory is full. Take fewer faces per step (--batch-size 16) or a compact network.")


def fail(message: str) -> None:
    """Print one message and leave with code 2."""
    print(f"facekp: {message}", file=sys.stderr)
    raise SystemExit(2)
