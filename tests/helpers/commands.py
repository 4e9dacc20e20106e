"""Commands, run in this process."""

import io
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from unittest import mock

from facekp import cli


def facekp(*arguments, cwd=".", program=cli.app) -> subprocess.CompletedProcess:
    """Run the command in this process, which has PyTorch loaded already; what it prints and its exit code."""
    out, err = io.StringIO(), io.StringIO()
    line = ["facekp", *map(str, arguments)]
    with redirect_stdout(out), redirect_stderr(err), chdir(cwd), mock.patch.object(sys, "argv", line):
        try:
            cli.main(program)
            code = 0
        except SystemExit as end:
            code = end.code or 0
    return subprocess.CompletedProcess(line, code, out.getvalue(), err.getvalue())


def refused(result: subprocess.CompletedProcess) -> str:
    """The one message of a command that exits with 2 and shows no traceback."""
    assert result.returncode == 2, result
    assert "Traceback" not in result.stderr
    return result.stderr
