"""Commands in processes of their own that start at once and can be killed.

A server that has everything loaded forks for each of them: Python and PyTorch alone take seconds to start.
"""

import io
import multiprocessing
import os
import resource
import signal
import sys
import traceback
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

# What Python tells its audit hooks of: everything that leaves a trace in a folder, before it is done.
TRACES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.utime"}


@dataclass(frozen=True)
class Child:
    """A process and the file that has what it printed."""

    process: BaseProcess
    printed: Path

    def end(self, seconds: float = 600.0) -> int:
        """Wait for it, so long only that a test that hangs ends: its exit code, -9 if it was killed."""
        self.process.join(seconds)
        assert self.process.exitcode is not None, "still running"
        return self.process.exitcode

    def kill(self) -> None:
        self.process.kill()

    @property
    def text(self) -> str:
        return self.printed.read_text()


class Server:
    """Starts children; see the module's head."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.children = folder, []
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["preload"])

    def call(self, function, *args) -> Child:
        """Start ``function(*args)`` in a child."""
        printed = self.folder / f"{len(self.children)}.txt"
        process = self.context.Process(target=inside, args=(str(printed), function, *args))
        process.start()
        self.children.append(Child(process, printed))
        return self.children[-1]

    def facekp(self, *arguments: str | Path, prepare=None) -> Child:
        """Start a command; ``prepare()`` is called before it, in the child."""
        return self.call(command, [str(a) for a in arguments], prepare)

    def close(self) -> None:
        """Kill what a failed test left running, or stopped."""
        for child in self.children:
            child.kill()


def inside(printed: str, function, *args) -> None:
    """In the child: what is printed is kept, and goes to a file at the end, which no limit of a test touches."""
    sys.stdout = sys.stderr = kept = io.StringIO()
    with open(printed, "w") as file:
        try:
            function(*args)
        except Exception:  # noqa: BLE001  # the child tells its parent whatever it was
            kept.write(traceback.format_exc())
            raise SystemExit(1) from None
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            file.write(kept.getvalue())


def command(arguments: list[str], prepare=None) -> None:
    """In the child: ``facekp`` with these arguments."""
    from programs import run

    if prepare is not None:
        prepare()
    run(arguments)


@dataclass(frozen=True)
class Trap:
    """Kills its own process before the ``nth`` thing that it does below ``folder``, an absolute path. 0: never."""

    folder: str
    nth: int
    count: str = ""
    with_signal: int = signal.SIGKILL

    def __call__(self) -> None:
        done = 0

        def heard(event: str, args: tuple) -> None:
            nonlocal done
            path = args[0] if event in TRACES else 0
            if not isinstance(path, str | os.PathLike) or not os.path.abspath(path).startswith(self.folder):
                return
            done += 1
            if done == self.nth:
                os.kill(os.getpid(), self.with_signal)
            if self.count:
                os.pwrite(counter, str(done).encode(), 0)

        counter = os.open(self.count, os.O_WRONLY | os.O_CREAT) if self.count else -1
        sys.addaudithook(heard)
