"""Firefox, where there is one (Debian: firefox-esr), driven over its own remote protocol, Marionette."""

import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
NONE = "no Firefox on this machine (Debian: apt-get install firefox-esr)"


class Firefox:
    """One tab: ``open(url)``, ``run(script, *arguments)``; messages are ``length:[0, id, command, parameters]``."""

    def __init__(self, port: int) -> None:
        self.stream = socket.create_connection(("127.0.0.1", port), timeout=300)
        self.number = 0
        self._receive()  # its greeting
        self("WebDriver:NewSession", {})

    def __call__(self, command: str, parameters: dict) -> Any:
        """Send a command; what it gives back, or AssertionError with what went wrong."""
        self.number += 1
        text = json.dumps([0, self.number, command, parameters]).encode()
        self.stream.sendall(f"{len(text)}:".encode() + text)
        _, _, wrong, result = self._receive()
        assert wrong is None, f"{command}: {wrong['message']}"
        return result.get("value") if isinstance(result, dict) else result

    def _receive(self) -> Any:
        length = b""
        while (byte := self.stream.recv(1)) != b":":
            length += byte
        text = b""
        while len(text) < int(length):
            text += self.stream.recv(int(length) - len(text))
        return json.loads(text)

    def open(self, url: str) -> None:
        """Go to a page and wait until it is loaded."""
        self("WebDriver:Navigate", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """What a function body gives back in the page; a promise is waited for."""
        wrapped = f"""const done = arguments[arguments.length - 1], given = [...arguments].slice(0, -1);
            (async (...args) => {{ {script} }})(...given)
                .then((v) => done({{ v }}), (e) => done({{ e: String(e) }}));"""
        found = self("WebDriver:ExecuteAsyncScript", {"script": wrapped, "args": list(arguments)})
        assert "e" not in found, found["e"]
        return found.get("v")


@contextmanager
def firefox(width: int, height: int) -> Iterator[Firefox]:
    """A window of that size, 500 pixels wide or more; skips the test where there is no Firefox."""
    if FIREFOX is None:
        pytest.skip(NONE)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as profile:
        with open(f"{profile}/user.js", "w") as settings:
            settings.write(f'user_pref("marionette.port", {port});\n')
        command = [FIREFOX, "--headless", "--marionette", "--no-remote", "--profile", profile,
                   f"--width={width}", f"--height={height}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield connected(port, process)
        finally:
            process.terminate()
            process.wait(30)


def connected(port: int, process: subprocess.Popen) -> Firefox:
    """Wait until it listens."""
    for _ in range(600):
        try:
            return Firefox(port)
        except OSError:
            assert process.poll() is None, "Firefox ended"
            time.sleep(0.2)
    raise AssertionError("Firefox did not answer within two minutes")
