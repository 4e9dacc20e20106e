"""Processes for tests that kill them."""

import os
import sys
from pathlib import Path

import pytest
from children import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """Starts commands in processes of their own, see children.py."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    server = Server(tmp_path_factory.mktemp("printed"))
    assert server.facekp("--help").end() == 0  # the server starts now
    yield server
    server.close()
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before
