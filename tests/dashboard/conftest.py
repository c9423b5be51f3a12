"""The real server in a process of its own, and a real browser that looks at it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE = 20_000  # milliseconds that the browser waits for what is to come
Open = Callable[..., Page]
expect.set_options(timeout=PATIENCE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHROMIUM is None:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="chromium is not installed"))


@contextmanager
def serving(*arguments: str, port: int = 0) -> Iterator[str]:
    """The address of `ft-cli serve` in this workspace; a bug behind a page fails the test at its end."""
    command = [sys.executable, "-m", "fine_tuning.cli", *(arguments or ("serve", "--slots", "1")), "--port", str(port)]
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
def address(workspace: Path) -> Iterator[str]:
    with serving() as found:
        yield found


@pytest.fixture(scope="module")  # its event loop must be gone before other rooms' tests start theirs
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
            return page

        yield go
    assert broken == []
