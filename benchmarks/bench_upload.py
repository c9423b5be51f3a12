"""Memory of the server while 512 MiB are uploaded, in one request and in parts.

python benchmarks/bench_upload.py          # about a minute
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

import psutil
import report
from server_process import Client, Served, serving

MIB = 1 << 20
SIZE = 512 * MIB
PART = 64 * MIB
WANTED_MB = 250
LINE = (
    json.dumps({"messages": [{"role": "user", "content": "q" * 400}, {"role": "assistant", "content": "a" * 560}]})
    + "\n"
).encode()


class Watch(threading.Thread):
    """The most memory that a process had while this thread ran."""

    def __init__(self, process_id: int) -> None:
        super().__init__(daemon=True)
        self._process = psutil.Process(process_id)
        self._stop_asked = threading.Event()
        self.peak = 0

    def run(self) -> None:
        """Look every few milliseconds."""
        while not self._stop_asked.wait(0.005):
            self.peak = max(self.peak, self._process.memory_info().rss)

    def stop(self) -> float:
        """Megabytes."""
        self._stop_asked.set()
        self.join()
        return self.peak / 1e6


def send(served: Served, path: str, content: Path, start: int, size: int, field: str, **form: str) -> dict[str, object]:
    """One multipart request whose file is read as it is sent."""
    mark = "x" * 40
    head = "".join(f'--{mark}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in form.items())
    head += f'--{mark}\r\nContent-Disposition: form-data; name="{field}"; filename="big.jsonl"\r\n\r\n'
    tail = f"\r\n--{mark}--\r\n"
    connection = HTTPConnection(served.host, served.port)
    connection.putrequest("POST", f"/v1{path}")
    connection.putheader("Content-Type", f"multipart/form-data; boundary={mark}")
    connection.putheader("Content-Length", str(len(head) + size + len(tail)))
    connection.endheaders(head.encode())
    with content.open("rb") as stream:
        stream.seek(start)
        for _ in range(size // MIB):
            connection.send(stream.read(MIB))
    connection.send(tail.encode())
    response = connection.getresponse()
    told: dict[str, object] = json.loads(response.read())
    connection.close()
    if response.status != 200:
        raise SystemExit(str(told))
    return told


def in_parts(served: Served, content: Path) -> None:
    """By the uploads API, with its checksum."""
    client = Client(served)
    upload = client.post(
        "/uploads", {"purpose": "fine-tune", "filename": "big.jsonl", "bytes": SIZE, "mime_type": "application/jsonl"}
    )
    parts = [
        send(served, f"/uploads/{upload['id']}/parts", content, at, PART, "data")["id"] for at in range(0, SIZE, PART)
    ]
    with content.open("rb") as stream:
        md5 = hashlib.file_digest(stream, "md5").hexdigest()
    done = client.post(f"/uploads/{upload['id']}/complete", {"part_ids": parts, "md5": md5})
    assert done["file"]["bytes"] == SIZE
    client.close()


def main() -> None:
    """Measure both ways."""
    rows = []
    with tempfile.TemporaryDirectory() as home:
        content = Path(home) / "big.jsonl"
        block = (LINE * (MIB // len(LINE) + 1))[:MIB]
        with content.open("wb") as stream:
            for _ in range(SIZE // MIB):
                stream.write(block)
        ways = {
            "one request": lambda served: send(served, "/files", content, 0, SIZE, "file", purpose="fine-tune"),
            "eight parts": lambda served: in_parts(served, content),
        }
        for name, way in ways.items():
            with serving(home, "--slots", "0") as served:
                idle = psutil.Process(served.process_id).memory_info().rss / 1e6
                watch = Watch(served.process_id)
                watch.start()
                started = time.perf_counter()
                way(served)
                rows.append(
                    f"| {name} | {idle:.0f} MB | {watch.stop():.0f} MB | {time.perf_counter() - started:.1f} s |"
                )
    body = f"""
| 512 MiB in | server before | server at most (target: under {WANTED_MB} MB) | time |
|---|---|---|---|
{chr(10).join(rows)}
"""
    report.write("Uploads", "bench_upload.py", body)


if __name__ == "__main__":
    main()
