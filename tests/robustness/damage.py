"""Edits of a file that is known only when the test runs, and odd values in JSON, drawn by Hypothesis."""

import copy
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from mutations import one_line

from facekp.errors import InputError

PLACES = st.one_of(st.integers(0, 64), st.integers(0, 10**7))  # files are oftenest broken where they say what they are
EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("flip"), PLACES, st.integers(0, 7)),
        st.tuples(st.just("cut"), PLACES, st.just(0)),
        st.tuples(st.just("set"), PLACES, st.sampled_from([0, 1, 0x7F, 0x80, 0xFF])),
        st.tuples(st.just("zero"), PLACES, st.integers(1, 64)),
        st.tuples(st.just("drop"), PLACES, st.integers(1, 64)),
        st.tuples(st.just("twice"), PLACES, st.integers(1, 64)),
    ),
    min_size=1, max_size=3,
)
ODD = st.one_of(
    st.sampled_from([None, True, False, "", "x", "../x", [], {}, [[]], 0, 1, -1, 0.5, 2, 7, 10**6, 10**12, 1e308,
                     float("nan"), float("inf")]),
    st.integers(-300, 300), st.text(max_size=8),
)


def damaged(data: bytes, edits: list[tuple[str, int, int]]) -> bytes:
    """``data`` after the edits (what, where, how much), one after another."""
    out = bytearray(data)
    for what, place, amount in edits:
        at = place % max(len(out), 1)
        if not out:
            break
        if what == "flip":
            out[at] ^= 1 << amount
        elif what == "cut":
            del out[at:]
        elif what == "set":
            out[at] = amount
        elif what == "zero":
            out[at : at + amount] = bytes(len(out[at : at + amount]))
        elif what == "drop":
            del out[at : at + amount]
        else:
            out[at:at] = out[at : at + amount]
    return bytes(out)


def leaves(value: Any, path: tuple = ()) -> list[tuple]:
    """The paths to all that a nested value holds, dictionaries and lists themselves included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [p for key, v in inner for p in [(*path, key), *leaves(v, (*path, key))]]


@st.composite
def changed(draw: Callable, value: Any) -> Any:
    """A nested value with one or two of its entries replaced by something odd, or gone."""
    out = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 2))):
        paths = leaves(out)
        if not paths:
            break
        *way, last = draw(st.sampled_from(paths))
        inner = out
        for key in way:
            inner = inner[key]
        if draw(st.integers(0, 4)):
            inner[last] = draw(ODD)
        else:
            del inner[last]
    return out


def refused_or(call: Callable[[], Any]) -> Any:
    """What ``call`` returns, or the message of its InputError: one line that says something. Nothing else may come."""
    try:
        return call()
    except InputError as error:
        return Refused(one_line(error))


class Refused(str):
    """The message of an InputError."""
