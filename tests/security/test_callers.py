"""Who is let in: a server without keys serves programs of this machine alone, and one that had keys nobody without."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

from fine_tuning.server import authentication
from fine_tuning.server.caller_checks import is_loopback, is_name_of_this_machine
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store.database import open_database
from tests.dashboard.conftest import CHROMIUM, Serving
from tests.security.requests import ask
from tests.server.conftest import listening

EVIL = "http://evil.example"
REBOUND = "rebound.example"
UPLOAD = {"file": ("rows.jsonl", b"{}"), "purpose": (None, "batch")}


@pytest.fixture
def address(workspace: Path) -> Iterator[str]:
    with listening(ServerConfig()) as found:
        yield found


def key(name: str = "app") -> tuple[dict[str, str], str]:
    """The header of a new key, and its id."""
    made, record = authentication.create(open_database(), name)
    return {"Authorization": f"Bearer {made}"}, record["id"]


def statuses(address: str, headers: Mapping[str, str]) -> list[int]:
    """Of a request that reads, an upload, a deletion and the documentation."""
    root = address.removesuffix("/v1")
    return [
        ask("GET", f"{address}/files", headers=headers).status_code,
        ask("POST", f"{address}/files", files=UPLOAD, headers=headers).status_code,
        ask("DELETE", f"{address}/files/file-none", headers=headers).status_code,
        ask("GET", f"{root}/openapi.json", headers=headers).status_code,
    ]


def test_server_whose_last_key_was_revoked_stays_closed(address: str) -> None:
    assert statuses(address, {}) == [200, 200, 404, 200]
    headers, key_id = key()
    assert statuses(address, {}) == [401] * 4
    assert statuses(address, headers) == [200, 200, 404, 200]
    authentication.revoke(open_database(), key_id)
    assert statuses(address, headers) == statuses(address, {}) == [401] * 4
    assert ask("GET", address.replace("/v1", "/healthz")).status_code == 200
    again, _ = key("again")
    assert statuses(address, again) == [200, 200, 404, 200]


def test_dashboard_whose_last_key_was_revoked_asks_to_sign_in(workspace: Path, serving: Serving) -> None:
    with serving() as address:
        assert ask("GET", f"{address}/jobs").status_code == 200
        _, key_id = key()
        authentication.revoke(open_database(), key_id)
        assert ask("GET", f"{address}/jobs").status_code == 303


@pytest.mark.parametrize("host", ["", REBOUND, f"{REBOUND}:8000", "127.0.0.1.evil.example", "localhost.evil.example"])
def test_open_server_called_by_another_name_refuses(address: str, host: str) -> None:
    assert statuses(address, {"Host": host}) == [403] * 4


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.8.9.1:80", "[::1]:8000", "a.localhost"])
def test_open_server_called_by_a_name_of_this_machine_serves(address: str, host: str) -> None:
    assert statuses(address, {"Host": host}) == [200, 200, 404, 200]


@pytest.mark.parametrize(
    "sent",
    [
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "http://["},
        {"Origin": EVIL, "Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_open_server_refuses_changes_from_pages_of_other_sites(address: str, sent: dict[str, str]) -> None:
    assert statuses(address, sent) == [200, 403, 403, 200]
    headers, _ = key()
    assert statuses(address, sent | headers) == [200, 200, 404, 200]  # which no other page can know


@pytest.mark.parametrize("name", ["Host", "Origin", "Sec-Fetch-Site"])
def test_header_that_tells_the_caller_twice_is_refused(address: str, name: str) -> None:
    ours = urlsplit(address)
    value = {"Host": ours.netloc, "Origin": f"http://{ours.netloc}", "Sec-Fetch-Site": "same-origin"}[name]
    headers = {"Host": ours.netloc, "Content-Length": "0", "Connection": "close", name: value}
    lines = ["POST /v1/conversations HTTP/1.1", *(f"{each}: {headers[each]}" for each in headers), f"{name}: {EVIL}"]
    with socket.create_connection((ours.hostname, ours.port), timeout=20) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 403")
    assert f"{name.lower()} is sent twice".encode() in answer


@pytest.mark.parametrize("origin", ["", "app://obsidian.md", "vscode-webview://abc", "chrome-extension://abc"])
def test_open_server_serves_own_pages_and_desktop_programs(address: str, origin: str) -> None:
    parts = urlsplit(address)
    assert statuses(address, {"Origin": origin or f"http://{parts.netloc}"})[1:3] == [200, 404]


def test_allowed_origins_and_names_are_served(workspace: Path) -> None:
    config = ServerConfig(allowed_origins=(EVIL,), allowed_hosts=("Models.Example",))
    with listening(config) as address:
        assert statuses(address, {"Origin": EVIL}) == [200, 200, 404, 200]
        assert statuses(address, {"Host": "models.example:8000"}) == [200, 200, 404, 200]
        assert statuses(address, {"Host": REBOUND}) == [403] * 4
        headers, _ = key()
        assert statuses(address, headers | {"Host": "models.example"}) == [200, 200, 404, 200]
        assert statuses(address, headers | {"Host": REBOUND}) == [403] * 4


def test_server_with_keys_may_be_called_by_every_name(address: str) -> None:
    headers, _ = key()
    assert statuses(address, headers | {"Host": REBOUND}) == [200, 200, 404, 200]


def test_open_server_on_all_addresses_serves_this_machine_alone(workspace: Path) -> None:
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        with contextlib.suppress(OSError):
            probe.connect(("192.0.2.1", 9))  # sends nothing, but chooses the address of this machine
        own = probe.getsockname()[0]
    if is_loopback(own) or own == "0.0.0.0":
        pytest.skip("this machine has no address but loopback ones")
    with listening(ServerConfig(), host="0.0.0.0") as address:
        outside = address.replace("127.0.0.1", own)
        assert statuses(outside, {"Host": "localhost"}) == [403] * 4
        assert "programs of this machine" in ask("GET", f"{outside}/files").json()["error"]["message"]
        assert statuses(address, {}) == [200, 200, 404, 200]
        headers, _ = key()
        assert statuses(outside, headers) == [200, 200, 404, 200]


def test_forwarded_address_counts_behind_a_trusted_proxy_only(workspace: Path, serving: Serving) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    with serving() as address:
        assert statuses(f"{address}/v1", forwarded) == [200, 200, 404, 200]
    with serving("serve", "--slots", "0", "--trusted-proxy", "127.0.0.0/8") as address:
        assert statuses(f"{address}/v1", forwarded) == [403] * 4
        assert statuses(f"{address}/v1", {}) == [200, 200, 404, 200]


def test_loopback_addresses_and_names() -> None:
    for host in ("127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1", "localhost", "x.localhost"):
        assert is_loopback(host), host
    for host in (
        "",
        "0.0.0.0",
        "::",
        "10.0.0.1",
        "::ffff:10.0.0.1",
        "localhost.example",
        "127.0.0.1.example",
        "2130706433",
    ):
        assert not is_loopback(host), host
    for host in ("[::1", "[::1]x:1", "a:b:c", "localhost@evil.example", "evil.example#localhost"):
        assert not is_name_of_this_machine(host), host


@contextlib.contextmanager
def _page(html: str) -> Iterator[int]:
    """The port of another site, which has this page."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


ATTACK = """<script>
const tell = text => document.title += text + ";";
const data = new FormData();
data.append("file", new Blob(["{}"]), "rows.jsonl");
data.append("purpose", "batch");
(async () => {
  for (const target of TARGETS) {
    for (const [path, init] of [
      ["/v1/files", {}],
      ["/v1/files", {method: "POST", body: data}],
      ["/v1/files", {method: "POST", body: data, mode: "no-cors"}],
      ["/v1/fine_tuning/jobs/x/cancel", {method: "POST", mode: "no-cors"}],
      ["/jobs", {}],
    ]) {
      try {
        const answer = await fetch(target + path, init);
        tell(answer.type === "opaque" ? "opaque" : answer.status);
      } catch { tell("refused"); }
    }
  }
  tell("done");
})();
</script>"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_pages_of_other_sites_can_neither_read_nor_change(workspace: Path, serving: Serving) -> None:
    with serving() as address, sync_playwright() as playwright:
        own = urlsplit(address)
        rules = f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1, MAP evil.example 127.0.0.1"
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", rules])
        # From another site, to this machine and to a name of that site which resolves to this machine.
        targets = [address, f"http://{REBOUND}:{own.port}"]
        with _page(ATTACK.replace("TARGETS", str(targets))) as port:
            page = browser.new_page()
            page.goto(f"http://evil.example:{port}/")
            page.wait_for_function("document.title.endsWith('done;')")
            told = page.title().split(";")[:-2]
        assert set(told) <= {"refused", "opaque"}
        # The page's own name is now one of this machine: what it asks for has the origin that it is asked at.
        status = page.goto(f"http://{REBOUND}:{own.port}/v1/files")
        assert status is not None
        assert status.status == 403
        found = page.evaluate("""async () => {
          const data = new FormData();
          data.append("file", new Blob(["{}"]), "rows.jsonl");
          data.append("purpose", "batch");
          const paths = [["/v1/files", {}], ["/v1/files", {method: "POST", body: data}], ["/jobs", {}], ["/docs", {}]];
          return Promise.all(paths.map(async ([path, init]) => (await fetch(path, init)).status));
        }""")
        assert found == [403] * 4
        browser.close()
        assert ask("GET", f"{address}/v1/files").json()["data"] == []
