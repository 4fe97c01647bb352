"""Fetching, also from servers that lie."""

from __future__ import annotations

import contextlib
import http.server
import socket
import struct
import threading

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._netboot.transfer import TransferError, fetch, tftp

END = b"end"


@contextlib.contextmanager
def tftp_server(*answers):
    """Sends one of *answers* after each packet that it gets; the list has what it got until the end."""
    got = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        left = iter(answers)

        def serve():
            while (heard := server.recvfrom(2048))[0] != END:
                packet, client = heard
                got.append(packet)
                if (answer := next(left, None)) is not None:
                    server.sendto(answer, client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1], got
        finally:
            server.sendto(END, server.getsockname())
            thread.join()


def data(block, content):
    return struct.pack("!HH", 3, block) + content


OPTIONS = struct.pack("!H", 6) + b"blksize\x001428\0tsize\x002000\0"


def test_a_file_in_blocks():
    with tftp_server(OPTIONS, data(1, bytes(1428)), data(2, b"x" * 572)) as (port, got):
        found = tftp("127.0.0.1", "snponly.efi", 5, "127.0.0.1", port)
    assert (found.size, found.content[-1:]) == (2000, b"x")
    assert got[0] == b"\0\1snponly.efi\0octet\0blksize\x001428\0tsize\x000\0"
    assert [struct.unpack("!HH", ack) for ack in got[1:]] == [(4, 0), (4, 1), (4, 2)]


def test_a_server_without_options():
    with tftp_server(data(1, bytes(512)), data(2, b"")) as (port, _):
        assert tftp("127.0.0.1", "x", 5, port=port).size == 512


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ([b"\0\5\0\1File not found\0"], "the TFTP server says: File not found"),
        ([OPTIONS, data(1, b"short")], "5 bytes arrived by TFTP, the server announced 2000"),
        ([b""], "the TFTP server's answer is not valid"),
        ([b"\0\4\0\1"], "the TFTP server's answer is not valid"),
        ([b"\0\5"], "the TFTP server's answer is not valid"),
    ],
)
def test_what_the_server_says_or_hides(answers, says):
    with tftp_server(*answers) as (port, _), pytest.raises(TransferError, match=says):
        tftp("127.0.0.1", "x", 5, port=port)


def test_silence_is_waited_for_no_longer_than_told():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        with pytest.raises(TransferError, match="no answer by TFTP"):
            tftp("127.0.0.1", "x", 0.2, port=mute.getsockname()[1])


@contextlib.contextmanager
def web_server(answer):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.wfile.write(answer)

        do_HEAD = do_GET  # noqa: N815  (the library's name)

        def log_message(self, *_arguments):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/x"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_http_by_its_head_and_whole():
    with web_server(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello") as url:
        assert fetch(url, False, 5).content == b""
        assert fetch(url, True, 5, "127.0.0.1").content == b"hello"
        assert fetch(url, False, 5).size == 5


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.0 404 Not\x1b here\r\n\r\n", "the server answers 404 Not\N{REPLACEMENT CHARACTER} here"),
        (b"HTTP/1.0 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n", "the server answers 302"),
        (b"rubbish\r\n", "no answer"),
        (b"", "no answer"),
        (b"HTTP/1.0 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "no answer"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 99\r\n\r\nhello", "only 5 of 99 bytes arrived"),
    ],
)
def test_http_that_is_none(answer, says):
    with web_server(answer) as url, pytest.raises(TransferError, match=says):
        fetch(url, True, 5)


def test_no_more_than_a_megabyte_is_kept():
    with web_server(b"HTTP/1.0 200 OK\r\n\r\n" + bytes(3 << 20)) as url:
        assert len(fetch(url, True, 5).content) == 1 << 20


@pytest.mark.parametrize("url", ["https://10.0.0.1/x", "ftp://x/y", "x.ipxe", "http://[x", "http://h:port/"])
def test_what_cannot_be_followed(url):
    with pytest.raises(TransferError):
        fetch(url, False, 1)
