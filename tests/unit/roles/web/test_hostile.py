"""One hostile machine keeps no node from being served, asked of a real nginx with the role's own configuration."""

from __future__ import annotations

import contextlib
import re
import resource
import socket

import pytest
from rendered import ROLES
from test_nginx import MAC_A, SERVER, A, Web

pytestmark = pytest.mark.slow

HOSTILE = "127.0.0.66"
PORTS, NODES = 65_535, 6_000


@pytest.fixture
def small(tmp_path):
    """A web server with fewer places, as many more than an attack takes as the role's own has."""
    server = Web(tmp_path)
    text = server.config.read_text()
    server.config.write_text(re.sub(r"worker_connections \d+;", "worker_connections 2048;", text))
    server.publish_node(A, MAC_A)
    (tmp_path / "images" / "large").write_bytes(bytes(32 << 20))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    process = server.start()
    yield server
    process.terminate()
    process.wait(10)


@pytest.fixture
def hostile(small):
    """Sends the beginning of something, and keeps the connection."""
    with contextlib.ExitStack() as kept:

        def send(text):
            connection = socket.create_connection((SERVER, small.port), 60, (HOSTILE, 0))
            kept.enter_context(connection)
            connection.sendall(text)
            return connection

        yield send


def directive(text, name):
    return re.search(rf"^\s*{name} (\S+?);$", text, re.MULTILINE)[1]


def test_half_sent_requests_leave_place_for_nodes(small, hostile):
    """Which worker has them is nobody's choice: one may have all."""
    for number in range(1800):
        hostile(b"GET /boot.ipxe HTTP/1.1\r\nHost: a\r\n" if number % 2 else b"G")
        if number % 100 == 0:
            assert small.ask(A, f"/ipxe/{MAC_A}.ipxe").body == "its disk"
    assert small.ask(A, f"/ipxe/{MAC_A}.ipxe").body == "its disk"


def test_who_reads_slowly_is_given_so_much_at_a_time_and_others_are_served(small, hostile):
    ask = b"GET /images/large HTTP/1.1\r\nHost: a\r\n\r\n"
    first = [hostile(ask) for _ in range(40)]
    answers = [connection.recv(12, socket.MSG_WAITALL) for connection in first]
    assert sorted(answers) == [b"HTTP/1.1 200"] * 32 + [b"HTTP/1.1 503"] * 8
    assert small.ask(A, "/boot.ipxe").status == 200
    assert small.ask(HOSTILE, "/boot.ipxe").status == 503
    # Nobody fills a log with what is refused
    assert HOSTILE not in small.log.read_text()
    assert HOSTILE not in small.errors.read_text()


def ask_without_end(web, address, times):
    """The statuses of as many answers, out of one connection."""
    with socket.create_connection((SERVER, web.port), 60, (address, 0)) as connection:
        connection.sendall(b"GET /boot.ipxe HTTP/1.1\r\nHost: a\r\n\r\n" * (times - 1))
        connection.sendall(b"GET /boot.ipxe HTTP/1.0\r\n\r\n")
        answers = b"".join(iter(lambda: connection.recv(1 << 20), b""))
    return re.findall(rb"HTTP/1.1 (\d+)", answers)


def test_more_requests_than_a_boot_has_are_all_answered(small):
    assert ask_without_end(small, A, 300) == [b"200"] * 300


def test_who_asks_without_end_is_answered_and_logged_with_an_end(small):
    answers = ask_without_end(small, HOSTILE, 900)
    assert 500 <= answers.count(b"200") <= 700
    assert answers.count(b"503") == 900 - answers.count(b"200")
    assert small.ask(A, "/boot.ipxe").status == 200
    assert small.log.read_text().count(HOSTILE) == answers.count(b"200")
    assert HOSTILE not in small.errors.read_text()


def test_all_ports_of_one_machine_leave_place_for_nodes(tmp_path):
    """As the role has it; which is too much for a test to try."""
    text = Web(tmp_path).config.read_text()
    workers, places = (int(directive(text, f"worker_{what}")) for what in ("processes", "connections"))
    assert places > PORTS + NODES
    assert workers * places * 424 < 64 << 20  # bytes of memory, whether anybody attacks or not
    unit = (ROLES / "web/templates/kindling-web.service.j2").read_text()
    assert int(re.search(r"^LimitNOFILE=(\d+)$", unit, re.MULTILINE)[1]) > 2 * places


def test_who_stops_in_the_middle_loses_the_connection_soon(tmp_path):
    text = Web(tmp_path).config.read_text()
    for name in ("client_header_timeout", "client_body_timeout", "send_timeout", "lingering_time"):
        assert directive(text, name) == "10s"
    assert directive(text, "reset_timedout_connection") == "on"
