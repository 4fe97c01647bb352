"""A registry of images in memory: as much of the OCI distribution specification as a push needs."""

from __future__ import annotations

import hashlib
import re
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Registry:
    """``manifests`` by name and tag, ``blobs`` by digest, ``uploads`` by where they go on."""

    def __init__(self) -> None:
        self.manifests: dict[tuple[str, str], bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.uploads: dict[str, bytes] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"registry": self}))
        self.address = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Registry:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: Registry

    def do_GET(self):
        self.answer(200 if self.path == "/v2/" else 404)

    def do_HEAD(self):
        self.answer(200 if self.path.rpartition("/")[2] in self.registry.blobs else 404)

    def do_POST(self):
        location = f"{self.path}{uuid.uuid4()}"
        self.registry.uploads[location] = self.body()
        self.answer(202, Location=location)

    def do_PATCH(self):
        self.registry.uploads[self.path] += self.body()
        self.answer(202, Location=self.path, Range=f"0-{len(self.registry.uploads[self.path]) - 1}")

    def do_PUT(self):
        if found := re.fullmatch(r"/v2/(.+)/manifests/(.+)", self.path):
            self.keep(self.registry.manifests, (found[1], found[2]), self.body())
            return
        path, _, digest = self.path.partition("?digest=")
        content = self.registry.uploads.pop(path) + self.body()
        self.keep(self.registry.blobs, digest.replace("%3A", ":"), content)

    def keep(self, where, name, content):
        where[name] = content
        self.answer(201, **{"Docker-Content-Digest": digest_of(content)})

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: a failed push says why."""


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
