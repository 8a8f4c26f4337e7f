"""A web server on this machine that does what it is told, good or bad."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from detquant.zoo import Source

CONTENT = bytes(range(256)) * 4000  # a megabyte
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Web(ThreadingHTTPServer):
    """Serves `content`, and at /moved a redirect to it; `asked` keeps the headers of every request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = CONTENT
        self.etag = '"one"'
        self.status = 0  # instead of the file
        self.location = ""
        self.cut: int | None = None  # bytes after which the line goes dead
        self.announce: int | str | None = None  # Content-Length instead of the true one; "" for none
        self.endless = False  # sends the content again and again
        self.drip = 0.0  # seconds between single bytes
        self.range_total: int | None = None  # in Content-Range instead of the true one
        self.knows_ranges = True
        self.silent = threading.Event()  # set to answer again
        self.silent.set()
        self.asked: list[dict[str, str]] = []

    def handle_error(self, request, client_address) -> None:
        """A client that hangs up is expected."""

    def source(self, name: str = "m.onnx", **known: str) -> Source:
        return Source(address=f"http://127.0.0.1:{self.server_address[1]}/{name}", **known)


class _Handler(BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        web = self.server
        web.asked.append(dict(self.headers.items()))
        if web.status or self.path == "/moved":
            self.send_response(web.status or 302)
            self.send_header("Location", web.location or "/m.onnx")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = self._start()
        body = web.content[start:]
        if start and not body:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            total = web.range_total or len(web.content)
            self.send_header("Content-Range", f"bytes {start}-{len(web.content) - 1}/{total}")
        if web.etag:
            self.send_header("ETag", web.etag)
        if web.announce != "":
            self.send_header("Content-Length", str(web.announce or len(body)))
        self.end_headers()
        while web.endless or web.drip:
            try:
                self.wfile.write(body[:1] if web.drip else body)
            except OSError:  # the client has hung up
                return
            web.drip and time.sleep(web.drip)
        self.wfile.write(body[: web.cut])
        self.wfile.flush()
        web.silent.wait(5)

    def _start(self) -> int:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range", self.server.etag) == self.server.etag
        return int(asked[1]) if asked and same and self.server.knows_ranges else 0

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def web(monkeypatch) -> Iterator[Web]:
    monkeypatch.setenv("no_proxy", "*")
    with Web() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.silent.set()
        server.shutdown()
        thread.join()
