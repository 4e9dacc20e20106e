"""Files damaged in every way that Hypothesis thinks of, and what must come of reading them."""

import os
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from profile_of_run import ALL, SEED, everyday

from facekp.errors import MAX_MESSAGE, InputError

Test = TypeVar("Test", bound=Callable)


def cases(count: int) -> Callable[[Test], Test]:
    """So many cases in ``make nightly``, the same in every night; in other runs a tenth, always others, by the seed.

    With TRY_HARDER=10 in the environment ten times as many as in a night, always others. See profile_of_run.py.
    The first failing case is shown as it is: shrinking it takes longer than reading it.
    """
    times = int(os.environ.get("TRY_HARDER", "0"))
    whole = ALL and not times
    most = count * times if times else count if ALL else everyday(count)
    chosen = settings(max_examples=most, derandomize=whole, deadline=None, database=None,
                      suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate])

    def decorate(test: Test) -> Test:
        test = chosen(test) if whole else seed(SEED)(chosen(test))
        test.everyday = everyday(count)  # type: ignore[attr-defined]  # for tried.py
        return test

    return decorate


CASES = cases(1000)

NASTY = (b"", b"\0", b"NaN", b"nan", b"inf", b"-inf", b"1e400", b"3e38", b"-1", b"256", b"1.5", b"1,234.5", b"1_000",
         b"0x10", b'"', b'""', b",", b";", b"\t", b"\r", b"\n", b"\r\n", b" ", b"\xff", b"\xef\xbb\xbf", b"\xd9\xa1",
         b"9" * 5000, b"\x1b[31m", b"true", b"null", b"[]", b"{}", b"[" * 3000, b'{"a":' * 3000)


@st.composite
def damaged(draw: st.DrawFn, whole: bytes, most: int = 3) -> bytes:
    """``whole`` with one to ``most`` changes, each of bytes or of whole lines."""
    content = whole
    for _ in range(draw(st.integers(1, most))):
        change = draw(st.sampled_from([flipped, cut, without, doubled, inserted, swapped, lines_changed]))
        content = change(draw, content)
    return content


def place(draw: st.DrawFn, content: bytes) -> tuple[int, int]:
    """A span of ``content``: where it begins and where it ends, all places alike."""
    # In two draws: of a range beyond 127, Hypothesis prefers the small numbers, and only headers would be damaged.
    start = (draw(st.integers(0, min(127, len(content) // 128))) * 128 + draw(st.integers(0, 127))) % (len(content) + 1)
    return start, min(len(content), start + draw(st.integers(1, 40)))


def flipped(draw: st.DrawFn, content: bytes) -> bytes:
    if not content:
        return content
    at = min(place(draw, content)[0], len(content) - 1)
    return content[:at] + bytes([content[at] ^ (1 << draw(st.integers(0, 7)))]) + content[at + 1:]


def cut(draw: st.DrawFn, content: bytes) -> bytes:
    start, _ = place(draw, content)
    return content[:start] if draw(st.booleans()) else content[start:]


def without(draw: st.DrawFn, content: bytes) -> bytes:
    start, stop = place(draw, content)
    return content[:start] + content[stop:]


def doubled(draw: st.DrawFn, content: bytes) -> bytes:
    start, stop = place(draw, content)
    return content[:stop] + content[start:]


def inserted(draw: st.DrawFn, content: bytes) -> bytes:
    """Something put in the place of a span, or before it."""
    start, stop = place(draw, content)
    new = draw(st.sampled_from(NASTY) | st.binary(min_size=1, max_size=12))
    return content[:start] + new + content[draw(st.sampled_from([start, stop])):]


def swapped(draw: st.DrawFn, content: bytes) -> bytes:
    a, b, c, d = sorted((*place(draw, content), *place(draw, content)))
    return content[:a] + content[c:d] + content[b:c] + content[a:b] + content[d:]


def lines_changed(draw: st.DrawFn, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    i, j = (draw(st.integers(0, len(lines) - 1)) for _ in "ij")
    how = draw(st.sampled_from(["swap", "double", "drop", "join"]))
    if how == "swap":
        lines[i], lines[j] = lines[j], lines[i]
    elif how == "double":
        lines.insert(j, lines[i])
    elif how == "drop":
        del lines[i]
    else:
        lines[i] = lines[i].rstrip(b"\r\n")
    return b"".join(lines)


# ---- what must come of it ---------------------------------------------------------------------


def result_or_one_line(call: Callable[[], object], folder: Path, *named: str) -> object:
    """What ``call`` gives; or None, if it raised an InputError of one short line that names one of ``named``.

    Any other exception goes through. Either way nothing in ``folder`` may have changed.
    """
    before = listing(folder)
    try:
        return call()
    except InputError as error:
        message = one_line(error)
        assert not named or any(name in message for name in named), message
        return None
    finally:
        assert listing(folder) == before


def one_line(error: InputError) -> str:
    """The message of an error, which is one line that says something."""
    message = str(error)
    assert message.isprintable() and 20 < len(message) <= MAX_MESSAGE + 5, message
    return message


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and date of every file below ``folder``."""
    return {os.path.join(top, name): (s.st_size, s.st_mtime_ns)
            for top, _, names in os.walk(folder) for name in names
            for s in [os.lstat(os.path.join(top, name))]}


@contextmanager
def little_memory(most: int) -> Iterator[None]:
    """Inside, no more than ``most`` bytes may be held at once by what Python and NumPy ask for.

    On Linux a request far beyond that is refused by the system (a MemoryError, and the test fails) before it can
    take the machine down.
    """
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if sys.platform == "linux":
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + most + (2 << 30), hard))  # threads reserve much, and use little
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert peak <= most, f"{peak >> 20} MB"
