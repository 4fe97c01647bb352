"""A release server for tests: laid out as Flatcar's, and able to misbehave in every way that the fault list names."""

from __future__ import annotations

import collections.abc
import contextlib
import functools
import gzip
import hashlib
import http.server
import os
import pathlib
import re
import socket
import struct
import subprocess
import tempfile
import threading
import time

KERNEL = "flatcar_production_pxe.vmlinuz"
PXE_IMAGE = "flatcar_production_pxe_image.cpio.gz"
DISK_IMAGE = "flatcar_production_image.bin.bz2"
PAYLOAD = (KERNEL, PXE_IMAGE, DISK_IMAGE)


def version_text(version: str) -> bytes:
    build, branch, patch = version.split(".")
    return (
        f"FLATCAR_BUILD={build}\nFLATCAR_BRANCH={branch}\nFLATCAR_PATCH={patch}\nFLATCAR_VERSION={version}\n"
        f'FLATCAR_VERSION_ID={version}\nFLATCAR_BUILD_ID=""\nFLATCAR_SDK_VERSION=4593.0.0\n'
    ).encode()


LINUX = "6.12.102-flatcar"


def os_release_text(version: str, board: str) -> bytes:
    """As Flatcar's build writes it."""
    return (
        'NAME="Flatcar Container Linux by Kinvolk"\nID=flatcar\nID_LIKE=coreos\n'
        f"VERSION={version}\nVERSION_ID={version}\nBUILD_ID=2026-08-10-1500\n"
        f'PRETTY_NAME="Flatcar Container Linux by Kinvolk {version} (Oklo)"\nANSI_COLOR="38;5;75"\n'
        f'FLATCAR_BOARD="{board}"\n'
    ).encode()


def make_kernel(board: str, linux: str = LINUX, size: int = 300_000) -> bytes:
    """What is read of a kernel, and random bytes: a bzImage for amd64, an Image for arm64."""
    content = bytearray(os.urandom(size))
    content[0:2] = b"MZ"
    banner = f"{linux} (build@pony-truck.infra.kinvolk.io) #1 SMP PREEMPT_DYNAMIC -00".encode()
    content[0x38:0x3C] = b"ARM\x64" if board == "arm64-usr" else b"\0\0\0\0"
    if board == "arm64-usr":
        content[200_000 : 200_000 + len(banner) + 14] = b"Linux version " + banner
    else:
        content[0x202:0x206] = b"HdrS"
        struct.pack_into("<H", content, 0x20E, 0x3000)
        content[0x3200 : 0x3200 + len(banner) + 1] = banner + b"\0"
    return bytes(content)


def make_squashfs(files: dict[str, bytes]) -> bytes:
    """A file system with these files."""
    with tempfile.TemporaryDirectory(prefix="squashfs-") as name:
        tree, image = pathlib.Path(name, "tree"), pathlib.Path(name, "image")
        tree.mkdir()
        for path, content in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(content)
        command = ["mksquashfs", tree, image, "-quiet", "-no-progress", "-processors", "1", "-root-mode", "755"]
        subprocess.run(command, check=True, capture_output=True)
        return image.read_bytes()


def make_cpio(files: dict[str, bytes]) -> bytes:
    """An archive of the format newc."""
    parts = []
    for number, (name, content) in enumerate([*files.items(), ("TRAILER!!!", b"")]):
        mode = 0o40755 if name in {".", "etc"} else 0o100644
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        parts += [head, b"\0" * (-len(head) % 4), content, b"\0" * (-len(content) % 4)]
    content = b"".join(parts)
    return content + b"\0" * (-len(content) % 512)


def make_usr(version: str, board: str, linux: str = LINUX) -> bytes:
    """A /usr with the files that tell what it is."""
    return make_squashfs(
        {
            "lib/os-release": os_release_text(version, board),
            f"lib/modules/{linux}/modules.order": b"",
            "bin/content": os.urandom(300_000),
        }
    )


def make_pxe_image(usr: bytes) -> bytes:
    """An initrd as Flatcar's build makes it."""
    return gzip.compress(make_cpio({".": b"", "etc": b"", "usr.squashfs": usr}), compresslevel=1)


def make_contents(version: str, board: str, names: tuple[str, ...] = PAYLOAD) -> dict[str, bytes]:
    """The payload of a release, by name."""
    made = {
        KERNEL: lambda: make_kernel(board),
        PXE_IMAGE: lambda: make_pxe_image(make_usr(version, board)),
        DISK_IMAGE: lambda: os.urandom(302_000),
    }
    return {name: made[name]() for name in names}


def digests_text(name: str, content: bytes) -> bytes:
    parts = [
        f"# {kind.upper()} HASH\n{hashlib.new(kind, content).hexdigest()}  {name}\n"
        for kind in ("md5", "sha1", "sha512")
    ]
    return "".join(parts).encode()


def make_release(
    version: str,
    sign: collections.abc.Callable[[bytes], bytes],
    contents: dict[str, bytes],
) -> dict[str, bytes]:
    """All files of one release directory, by name."""
    files: dict[str, bytes] = {}
    text = version_text(version)
    files["version.txt"] = text
    files["version.txt.sig"] = sign(text)
    for name, content in contents.items():
        digests = digests_text(name, content)
        files[name] = content
        files[f"{name}.sig"] = sign(content)
        files[f"{name}.DIGESTS"] = digests
        files[f"{name}.DIGESTS.sig"] = sign(digests)
    return files


class Fault:
    """Something that goes wrong with one path; ``times`` limits how often, None is always."""

    def __init__(
        self, kind: str, *, times: int | None = None, after: int = 0, target: str = "", status: int = 404
    ) -> None:
        self.kind = kind
        self.times = times
        self.after = after
        self.target = target
        self.status = status

    def takes(self) -> bool:
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


class ReleaseServer:
    """Serves ``files`` (URL path to content) from threads of this process."""

    def __init__(self) -> None:
        self.files: dict[str, bytes | pathlib.Path] = {}
        self.faults: dict[str, Fault] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.hold = threading.Event()  # while set, large answers stand still after their first part
        handler = functools.partial(_Handler, self)
        self._server = _QuietServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add_release(self, channel: str, board: str, directory: str, files: dict[str, bytes]) -> None:
        for name, content in files.items():
            self.files[f"/{channel}/{board}/{directory}/{name}"] = content

    def asked(self, method: str = "GET") -> list[str]:
        with self.lock:
            return [path for verb, path, _headers in self.requests if verb == method]

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _QuietServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address) -> None:
        """A client that hangs up is no news here."""


def _wait_until_read(port: int) -> None:
    """Until the client, whose port it is, has taken all that was sent: a connection that is broken hard loses the rest."""
    end = time.monotonic() + 60
    while _unread(port) and time.monotonic() < end:
        time.sleep(0.001)


def _unread(port: int) -> int:
    """How many bytes are on their way to this port, or wait there."""
    unread = 0
    for row in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _number, local, remote, _state, queues, *_ = row.split()
        sending, waiting = (int(size, 16) for size in queues.split(":"))
        unread += waiting * local.endswith(f":{port:04X}") + sending * remote.endswith(f":{port:04X}")
    return unread


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, owner: ReleaseServer, *arguments) -> None:
        self.owner = owner
        super().__init__(*arguments)

    def log_message(self, *_arguments) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        with self.owner.lock:
            self.owner.requests.append((self.command, path, dict(self.headers)))
        fault = self.owner.faults.get(path)
        on_head = {"status", "redirect", "loop", "html", "no-head"}
        misbehave = fault is not None and (body or fault.kind in on_head) and fault.takes()
        if not misbehave or getattr(self, f"_fault_{fault.kind.replace('-', '_')}")(path, fault, body):
            self._send(path, body=body)

    def _send(self, path: str, *, body: bool, ranges: bool = True, stop_at: int | None = None) -> None:
        content = self.owner.files.get(path)
        if content is None:
            self._plain(404, b"not found\n", body=body)
            return
        if isinstance(content, pathlib.Path):
            content = content.read_bytes()
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and ranges:
            start = int(asked[1])
            if start >= len(content):
                self._plain(416, b"", body=body)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if body:
            self._write(content[start:stop_at])

    def _write(self, content: bytes) -> None:
        for begin in range(0, len(content), 65536):
            self.wfile.write(content[begin : begin + 65536])
            while self.owner.hold.is_set() and not self.owner.closing.wait(0.01):
                pass

    def _plain(self, status: int, content: bytes, *, body: bool, kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    # Faults; each answers the request, or returns True to have it answered well ------------------------------------

    def _fault_status(self, _path, fault, body):
        self._plain(fault.status, b"sorry\n", body=body)

    def _fault_html(self, _path, _fault, body):
        self._plain(200, b"<!DOCTYPE html>\n<html><body>Please log in</body></html>\n", body=body, kind="text/html")

    def _fault_sneaky_html(self, path, _fault, _body):
        """A web page that HEAD knows nothing of, and that claims to be a file."""
        self._plain(200, b"<html><body>Please log in</body></html>\n", body=True, kind="application/octet-stream")

    def _fault_truncate(self, path, fault, body):
        self._send(path, body=body, stop_at=fault.after)
        self.close_connection = True

    def _fault_short(self, path, fault, _body):
        """A body that ends early, of a server that does not tell the length."""
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(self.owner.files[path][: fault.after])
        self.close_connection = True

    def _fault_no_range(self, path, _fault, body):
        self._send(path, body=body, ranges=False)

    def _fault_no_head(self, _path, _fault, body):
        if body:
            return True
        self._plain(405, b"", body=False)
        return False

    def _fault_redirect(self, _path, fault, _body):
        self.send_response(302)
        self.send_header("Location", fault.target)
        self.send_header("Content-Length", "0")
        self.end_headers()

    _fault_loop = _fault_redirect

    def _fault_stall(self, path, fault, body):
        with contextlib.suppress(OSError):
            content = self.owner.files[path]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: fault.after])
            self.wfile.flush()
            self.owner.closing.wait(30)
        self.close_connection = True

    def _fault_reset(self, path, fault, body):
        """Send a part (from where it was asked for), then break the connection hard."""
        content = self.owner.files[path]
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : start + fault.after])
        self.wfile.flush()
        _wait_until_read(self.client_address[1])
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def _fault_reset_whole(self, path, fault, body):
        """The same from a server that knows no ranges."""
        if self.headers.get("Range"):
            return self._fault_no_range(path, fault, body)
        return self._fault_reset(path, fault, body)
