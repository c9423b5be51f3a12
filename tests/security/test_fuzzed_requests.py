"""Odd requests end with an answer; `python -m scripts.fuzz_requests` sends 20,000 of them."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from scripts import fuzz_requests

from tests.dashboard.conftest import Serving
from tests.security.test_uploads import HEAD

COUNT, SEED = 250, 1


@pytest.mark.slow
def test_odd_requests_are_answered_and_hold_up_no_other(workspace: Path, serving: Serving) -> None:
    with serving() as address, fuzz_requests.watched(address) as health:  # fails where the log has a traceback
        answers = [*fuzz_requests.fuzzed(address, COUNT, SEED, [str(workspace.parent)])]
    assert [(each.request, each.problem) for each in answers if each.problem is not None] == []
    assert len({each.status for each in answers}) > 5
    assert min(health) > 0  # a health check that failed is -1


@pytest.mark.slow
def test_client_that_leaves_its_upload_is_no_error(workspace: Path, serving: Serving) -> None:
    with serving() as address:  # fails where the log has a traceback
        at = urlsplit(address)
        for _ in range(3):
            with socket.create_connection((at.hostname, at.port)) as connection:
                connection.sendall(HEAD)
                connection.sendall(b"x" * 1000)
