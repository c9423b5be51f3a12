"""The real server in a process of its own, and a real browser that looks at it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE = 20_000  # milliseconds that the browser waits for what is to come
Open = Callable[..., Page]
Serving = Callable[..., AbstractContextManager[str]]
expect.set_options(timeout=PATIENCE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHROMIUM is None:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="chromium is not installed"))


@pytest.fixture
def serving(request: pytest.FixtureRequest, warm_command: list[str]) -> Serving:
    """Starts `ft-cli serve`, or another command that listens, in this workspace, for as long as a block runs."""
    is_cold = request.node.get_closest_marker("cold_start") is not None
    return partial(_serving, [sys.executable, "-m", "fine_tuning.cli"] if is_cold else warm_command)


@contextmanager
def _serving(ft_cli: Sequence[str], *arguments: str, port: int = 0) -> Iterator[str]:
    """The address of the server; a bug behind a page fails the test at its end."""
    command = [*ft_cli, *(arguments or ("serve", "--slots", "0")), "--port", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    assert process.stderr is not None
    told: list[str] = []
    try:
        for line in process.stderr:
            told.append(line)
            if found := re.search(r"the dashboard at (http://[^ ,\n]+)", line):
                break
        else:
            raise AssertionError("".join(told))
        rest = threading.Thread(target=lambda: told.extend(process.stderr or ()), daemon=True)
        rest.start()  # else the server would wait for us to read
        yield found[1]
    finally:
        process.terminate()
        process.wait()
        rest.join()
        process.stderr.close()
        sys.stderr.write("".join(told))  # is shown where the test fails
    assert "Traceback" not in "".join(told), "".join(told)


@pytest.fixture
def address(workspace: Path, serving: Serving) -> Iterator[str]:
    with serving() as found:
        yield found


@pytest.fixture(scope="package")  # its event loop must be gone before other packages' tests start theirs
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Opens an address in a browser of its own (with cookies of its own), which fails the test if a script breaks."""
    broken: list[str] = []
    with ExitStack() as contexts:

        def go(address: str, **options: Any) -> Page:
            context = browser.new_context(**options)
            contexts.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(PATIENCE)
            page.on("pageerror", lambda error: broken.append(str(error)))
            page.goto(address)
            page.wait_for_function("window.did_handshake !== false")  # what is done before that may arrive in any order
            return page

        yield go
    assert broken == []
