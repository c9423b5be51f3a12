"""Who may look, who may change, and what a page makes of text that is HTML."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from fine_tuning import ABTestFramework, ModelRegistry
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.server import authentication
from fine_tuning.store.database import open_database
from tests.dashboard.conftest import Open, Serving

PAGES = (
    "/",
    "/calls",
    "/routes",
    "/review",
    "/datasets",
    "/jobs",
    "/models",
    "/experiments",
    "/bakeoffs",
    "/costs",
    "/playground",
)
EVIL = '<img src=x onerror="window.broken=1"><script>window.broken=1</script>'


def status(address: str, method: str = "GET", data: bytes | None = None, **headers: str) -> int:
    request = urllib.request.Request(address, data, headers, method=method)
    opener = urllib.request.build_opener(_Stay())
    try:
        with opener.open(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def sign_in(page: Page, key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()


def test_sign_in_with_key_opens_pages(address: str, open_page: Open) -> None:
    key, record = authentication.create(open_database(), "ann", is_owner=True)
    other, _ = authentication.create(open_database(), "theirs", "another-project")
    page = open_page(f"{address}/jobs")
    expect(page.get_by_role("heading", level=1)).to_have_text("Fine-tuning")
    for wrong in ("sk-ft-wrong", other):
        sign_in(page, wrong)
        expect(page.get_by_role("alert")).to_have_text("This key has no access to the dashboard.")
    sign_in(page, key)
    expect(page.get_by_role("heading", level=1)).to_have_text("Jobs")
    expect(page.get_by_text("ann", exact=True)).to_be_visible()
    (cookie,) = [each for each in page.context.cookies() if each["name"] == "ft_session"]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert key not in cookie["value"]
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()
    sign_in(page, key)
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    page.goto(f"{address}/playground")
    page.get_by_label("Prompt").fill("What is it?")
    authentication.create(open_database(), "bob")
    authentication.revoke(open_database(), record["id"])
    page.get_by_role("button", name="Send to both").click()
    expect(page.get_by_label("API key")).to_be_visible()  # at once, and not after an answer
    page.goto(f"{address}/jobs?status=failed")
    sign_in(page, authentication.create(open_database(), "cem", is_owner=True)[0])
    expect(page).to_have_url(f"{address}/jobs?status=failed")


def test_pages_without_session_redirect_or_refuse(address: str) -> None:
    authentication.create(open_database(), "ann")
    for path in PAGES:
        assert status(address + path) == 303, path
    assert status(f"{address}/_nicegui_ws/socket.io/?EIO=4&transport=polling") == 401
    assert status(f"{address}/v1/models") == 401
    assert status(f"{address}/jobs", Cookie="ft_session=made-up") == 303


def test_read_only_key_cannot_change_anything(address: str, open_page: Open) -> None:
    key, _ = authentication.create(open_database(), "eve", read_only=True)
    DistillationDataCollector().capture_success("What is it?", "It is this.", "d", "chat", rating=3)
    page = open_page(f"{address}/review")
    sign_in(page, key)
    expect(page.get_by_text("eve (read-only)")).to_be_visible()
    expect(page.get_by_role("article", name="Call to rate")).to_contain_text("What is it?")
    expect(page.get_by_role("button", name="Rate 5 of 5")).to_be_disabled()
    page.keyboard.press("5")
    page.goto(f"{address}/jobs")
    page.get_by_text("Start a job on this machine").click()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_disabled()
    assert DistillationDataCollector().find_examples()[0]["rating"] == 3
    assert status(f"{address}/v1/models", Authorization=f"Bearer {key}") == 200
    body = json.dumps({"model": "m", "messages": []}).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    assert status(f"{address}/v1/chat/completions", "POST", body, **headers) == 403


def test_gate_malformed_requests_are_answered(address: str) -> None:
    for cookie in ("a(b=c", "a/b=c; ft_guest=zz", f"ft_guest={'x' * 3000}", "ft_session=.."):
        assert status(f"{address}/jobs", Cookie=cookie) == 200
    for page in ("abc", "-1", "0", "99999", "1" * 30, "²"):
        for path in ("/datasets", "/jobs", "/models", "/experiments"):
            assert status(f"{address}{path}?page={quote(page)}") == 200
    form = {"Origin": address, "Content-Type": "application/x-www-form-urlencoded"}
    assert status(f"{address}/sign-in", "POST", b"", **form) == 303
    assert status(f"{address}/jobs", Host="[") == 403


@pytest.mark.parametrize(
    ("kind", "head"),
    [
        ("application/x-www-form-urlencoded", b"key="),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="key"; filename="a"\r\n\r\n'),
    ],
)
def test_gate_body_without_announced_size_is_bounded(address: str, kind: str, head: bytes) -> None:
    connection = HTTPConnection(address.removeprefix("http://"), timeout=60)
    headers = {"Origin": address, "Content-Type": kind}
    pieces = (head if number == 0 else b"x" * (64 << 10) for number in range(20))
    connection.request("POST", "/sign-in", pieces, headers | {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize("origin", ["http://elsewhere.example", "null", "", "http://["])
def test_gate_foreign_origin_is_refused(address: str, origin: str) -> None:
    headers = {"Origin": origin} if origin else {}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    for path in ("/sign-in", "/sign-out", "/_nicegui_ws/socket.io/?EIO=4&transport=polling"):
        assert status(address + path, "POST", b"key=x", **headers) == 403, path
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    socket = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    for headers_of_page, answer in ((headers, 403), ({"Origin": address}, 101)):
        connection = HTTPConnection(address.removeprefix("http://"), timeout=10)
        connection.request("GET", socket, headers={**upgrade, **headers_of_page})
        assert connection.getresponse().status == answer
        connection.close()


def test_gate_rebound_host_name_is_refused(address: str) -> None:
    port = address.rpartition(":")[2]
    assert status(f"{address}/jobs", Host=f"rebound.example:{port}") == 403
    assert status(f"{address}/jobs", Host=f"localhost:{port}") == 200


def test_pages_escape_html(address: str, open_page: Open) -> None:
    DistillationDataCollector().capture_success(f"Is this {EVIL}?", f"Yes: {EVIL}", EVIL[:60], "chat", rating=3)
    ModelRegistry().register_model(f"m {EVIL}", EVIL, "job-1", 5)
    ModelRegistry().deploy_model(f"m {EVIL}", reason=EVIL)
    ABTestFramework().create_test(f"t {EVIL}", "a", f"b {EVIL}")
    page = open_page(f"{address}/review")
    expect(page.get_by_role("article", name="Call to rate")).to_contain_text(EVIL)
    for path in PAGES:
        page.goto(address + path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.evaluate("window.broken") is None, path
    for path, link in (("/models", "m "), ("/experiments", "t ")):
        page.goto(address + path)
        page.get_by_role("link", name=f"{link}<img").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("<script>")
        page.wait_for_timeout(500)  # a drawing might still come
        assert page.evaluate("window.broken") is None, path


def test_pages_load_no_foreign_resources(address: str, open_page: Open) -> None:
    asked: list[str] = []
    page = open_page("about:blank")
    page.on("request", lambda request: asked.append(request.url))
    for path in PAGES:
        page.goto(address + path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    host = address.removeprefix("http://")
    assert [url for url in asked if f"//{host}" not in url and not url.startswith(("data:", "blob:"))] == []


def test_dashboard_without_api_serves_pages(workspace: Any, open_page: Open, serving: Serving) -> None:
    with serving("ui") as address:
        page = open_page(address)
        expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
        assert status(f"{address}/v1/models") == 404
