"""Who may read what, and who may leave what, asked of a real nginx with the role's own configuration.

It listens on the loopback interface, and its machines have addresses there.
"""

from __future__ import annotations

import http.client
import os
import pathlib
import re
import secrets
import shutil
import socket
import subprocess
import time
from typing import NamedTuple

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.kindling.flatcar.plugins.module_utils import arming

pytestmark = pytest.mark.slow

A, B, NOBODY = "127.0.0.11", "127.0.0.12", "127.0.0.99"
MAC_A, MAC_B = "52-54-00-00-00-0a", "52-54-00-00-00-0b"
ANY_TOKEN = "x" * 43

ROLE = pathlib.Path(__file__).parents[3] / "roles" / "web"
SERVER = f"127.1.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"  # others may run beside us
SECRET = "0123456789abcdefghijABCDEFGHIJ0123456789"  # noqa: S105 nobody's
TEMPORARY = ("client_body", "fastcgi", "proxy", "scgi", "uwsgi")


class Answer(NamedTuple):
    status: int
    body: str
    headers: dict[str, str]


class Web:
    """nginx below *root*, and all that it serves."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.fleet = root / "web"
        self.places = arming.Places(root / "installs", root / "run", os.getgid())
        self.log = root / "access.log"
        self.port = _free_port()
        for directory in ("web/ipxe", "images", "programs", "installs/armed", "installs/scripts", "installs/reports"):
            (root / directory).mkdir(parents=True)
        (self.fleet / "boot.ipxe").write_text("#!ipxe\n")
        (self.fleet / "ipxe" / "unknown.ipxe").write_text("unknown")
        (root / "secure-link.conf").write_text(f'set $secure_link_secret "{SECRET}";\n')
        self.config = root / "nginx.conf"
        self.config.write_text(self._rendered())

    def _rendered(self) -> str:
        """The role's own template; a test has no port 80 and no journal."""
        values = {}
        for kind in ("defaults", "vars"):
            values |= yaml.safe_load((ROLE / kind / "main.yml").read_text())
        values |= {
            "ansible_managed": "test",
            "__web_networks": [{"address": SERVER, "quarantine": None}],
            "__web_secret": self.root / "secure-link.conf",
            "__web_gates": self.places.live / "armed",
            "web_root": self.fleet,
            "web_images_dir": self.root / "images",
            "web_programs_dir": self.root / "programs",
            "web_installs_dir": self.places.installs,
        }
        template = (ROLE / "templates" / "nginx.conf.j2").read_text()
        templar = Templar(loader=DataLoader(), variables=values)
        # As the module `template` does: a block leaves no empty line
        text = templar.template(trust_as_template("#jinja2: trim_blocks: True\n" + template))
        directories = "".join(f"{kind}_temp_path {self.root}/{kind};" for kind in TEMPORARY)
        text = re.sub(r"access_log .*;", f"access_log {self.log} kindling; {directories}", text)
        return text.replace(f"{SERVER}:80 ", f"{SERVER}:{self.port} ")

    def start(self) -> subprocess.Popen:
        user = " user root;" if os.geteuid() == 0 else ""
        options = f"daemon off; pid {self.root}/pid;{user}"
        process = subprocess.Popen(["nginx", "-p", str(self.root), "-c", str(self.config), "-g", options])
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            try:
                socket.create_connection((SERVER, self.port), timeout=10).close()
            except OSError:
                time.sleep(0.02)
            else:
                return process
        raise AssertionError(f"nginx does not answer: {process.poll()}")

    def ask(self, address, path, method="GET", body=None, headers=()):
        """What the machine with *address* is answered."""
        connection = http.client.HTTPConnection(SERVER, self.port, timeout=60, source_address=(address, 0))
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return Answer(answer.status, answer.read().decode(), dict(answer.getheaders()))
        finally:
            connection.close()

    def arm(self, node, address, mac, seconds=3600):
        """Arm a machine; its token."""
        order = an_order(node, address, mac)
        arming.arm(self.places, [order], "tester", SECRET, seconds)
        return order.token

    def config_of(self, address, mac):
        """The URL that the script of an armed machine has for its installer's config."""
        (script,) = [
            line for line in self.ask(address, f"/ipxe/{mac}.ipxe").body.splitlines() if "install.ipxe" in line
        ]
        return script.partition("chain ")[2].replace(".ipxe", ".ign")


def an_order(node, address, mac, token=None):
    token = token or secrets.token_urlsafe(32)
    return arming.Order(
        token=token,
        node=node,
        address=address,
        macs=(mac,) if isinstance(mac, str) else mac,
        script=f"#!ipxe\nchain /armed/{arming.UNSIGNED}/{token}/install.ipxe\n",
        files={
            "install.ipxe": f"config /armed/{arming.UNSIGNED}/{token}/install.ign",
            "install.ign": f"the secrets of {node}",
            "unfinished.ipxe": f"{node} is half-written",
        },
        about={"version": "9999.2.0", "config": "c" * 64},
    )


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((SERVER, 0))
        return found.getsockname()[1]


@pytest.fixture
def web(tmp_path):
    server = Web(tmp_path)
    process = server.start()
    yield server
    process.terminate()
    process.wait(10)


def report(web, address, token, stage, body="{}", **options):
    return web.ask(address, f"/reports/{token}/{stage}", "PUT", body, **options).status


def stored(web, token):
    directory = web.places.reports / token
    return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []


def in_ram(web, address, token):
    (web.fleet / "ignition" / token).mkdir(parents=True)
    (web.fleet / "ignition" / token / f"{address}.ign").write_text("in RAM")
    return token


def test_an_armed_machine_is_given_the_installer_and_nobody_is_told_to_keep_it(web):
    web.arm("a", A, MAC_A)
    answer = web.ask(A, web.config_of(A, MAC_A))
    assert (answer.status, answer.body) == (200, "the secrets of a")
    assert answer.headers["Cache-Control"] == "no-store"
    assert web.ask(A, web.config_of(A, MAC_A).replace(".ign", ".ipxe")).body.startswith("config /armed/")


def test_nobody_else_is_given_it(web):
    (web.fleet / "ipxe" / B).mkdir()
    (web.fleet / "ipxe" / B / f"{MAC_B}.ipxe").write_text("the disk of b")
    web.arm("a", A, MAC_A)
    assert web.ask(B, f"/ipxe/{MAC_B}.ipxe").body == "the disk of b"
    assert web.ask(B, f"/ipxe/{MAC_A}.ipxe").body == "unknown"
    assert web.ask(NOBODY, f"/ipxe/{MAC_A}.ipxe").body == "unknown"
    assert {web.ask(other, web.config_of(A, MAC_A)).status for other in (B, NOBODY, SERVER)} == {404}


def test_two_armed_machines_with_tokens_swapped_are_refused(web):
    web.arm("a", A, MAC_A)
    web.arm("b", B, MAC_B)
    a, b = web.config_of(A, MAC_A), web.config_of(B, MAC_B)
    assert (web.ask(A, a).status, web.ask(B, b).status) == (200, 200)
    assert (web.ask(A, b).status, web.ask(B, a).status) == (404, 404)
    # nor does the signature of the one help with the token of the other
    (*_, sign_a, until_a, token_a, _), (*_, token_b, _) = a.split("/"), b.split("/")
    assert web.ask(A, f"/armed/{sign_a}/{until_a}/{token_b}/install.ign").status == 404
    assert web.ask(B, f"/armed/{sign_a}/{until_a}/{token_b}/install.ign").status == 404
    assert web.ask(B, f"/armed/{sign_a}/{until_a}/{token_a}/install.ign").status == 404


def test_nobody_prolongs_an_arming(web):
    web.arm("a", A, MAC_A)
    *_, signature, until, token, _ = web.config_of(A, MAC_A).split("/")
    assert web.ask(A, f"/armed/{signature}/{int(until) + 60}/{token}/install.ign").status == 404


def test_an_arming_expires_by_itself(web):
    for seconds in (1, 8, 64):  # more where this machine is so busy that the time is over before it is asked
        web.arm("a", A, MAC_A, seconds)
        url = web.config_of(A, MAC_A)
        if web.ask(A, url).status == 200:
            break
    else:
        pytest.fail("it was never open")
    deadline = time.monotonic() + seconds + 10
    while (status := web.ask(A, url).status) == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert status == 410


def test_a_restart_of_the_boot_host_ends_all_armings(web):
    """Its clock may be wrong then: the URL alone must not do."""
    token = web.arm("a", A, MAC_A)
    url = web.config_of(A, MAC_A)
    for path in web.places.live.iterdir():
        path.unlink() if path.is_symlink() else shutil.rmtree(path)
    assert web.ask(A, url).status == 410
    assert report(web, A, token, "started") == 409


def test_disarmed_is_refused_at_once_and_may_not_begin(web):
    token = web.arm("a", A, MAC_A)
    url = web.config_of(A, MAC_A)
    arming.disarm(web.places, ["a"], "tester")
    assert web.ask(A, url).status == 410
    assert report(web, A, token, "started") == 409


@pytest.mark.parametrize("stage", ["installed", "failed"])
def test_an_install_that_ended_is_not_given_again(web, stage):
    token = web.arm("a", A, MAC_A)
    url = web.config_of(A, MAC_A)
    assert report(web, A, token, "started") == 201
    assert web.ask(A, url).status == 200
    assert report(web, A, token, stage) == 201
    assert web.ask(A, url).status == 410
    assert web.ask(A, url.replace(".ign", ".ipxe")).status == 410


def test_a_machine_is_kept_from_a_half_written_disk_and_from_no_other(web):
    token = web.arm("a", A, MAC_A)
    unfinished = f"/armed/{token}/unfinished.ipxe"
    assert web.ask(A, unfinished).status == 404
    report(web, A, token, "started")
    assert web.ask(A, unfinished).body == "a is half-written"
    report(web, A, token, "installed")
    assert web.ask(A, unfinished).status == 404


def test_the_next_arming_knows_of_the_half_written_disk(web):
    report(web, A, web.arm("a", A, MAC_A), "started")
    token = web.arm("a", A, MAC_A)
    assert web.ask(A, f"/armed/{token}/unfinished.ipxe").status == 200
    report(web, A, token, "started")
    report(web, A, token, "installed")
    assert web.ask(A, f"/armed/{token}/unfinished.ipxe").status == 404


def test_reports_come_in_their_order(web):
    token = web.arm("a", A, MAC_A)
    assert report(web, A, token, "running") == 409  # of what?
    assert report(web, A, token, "started", '{"hostname": "a"}') == 201
    assert report(web, A, token, "started") == 204
    assert report(web, A, token, "installed") == 201
    for late in ("started", "failed", "installed"):
        assert report(web, A, token, late) == 409
    assert report(web, A, token, "running", '{"version": "9999.2.0"}') == 201
    assert report(web, A, token, "running", '{"version": "9999.2.1"}') == 204
    reports = arming.read_reports(web.places, token)
    assert list(reports) == ["started", "installed", "running"]
    assert reports["running"]["version"] == "9999.2.1"


def test_an_install_that_failed_does_not_begin_again(web):
    token = web.arm("a", A, MAC_A)
    assert report(web, A, token, "failed") == 201
    assert web.ask(A, web.config_of(A, MAC_A)).status == 410


def test_machines_in_ram_report_that_they_run_and_nothing_else(web):
    token = in_ram(web, A, "r" * 43)
    assert report(web, A, token, "running") == 201
    assert [report(web, A, token, stage) for stage in ("started", "failed", "installed")] == [409] * 3
    assert web.ask(A, f"/ignition/{token}.ign").body == "in RAM"
    assert web.ask(B, f"/ignition/{token}.ign").status == 404
    assert web.ask(A, f"/ignition/{ANY_TOKEN}.ign").status == 404


@pytest.mark.parametrize(
    "path",
    [
        f"/reports/{ANY_TOKEN}/started",  # a token that nobody has
        "/reports/short/started",
        "/reports/{token}/begun",
        "/reports/{token}/started/more",
        "/reports/{token}/",
        "/reports/{token}",
        "/reports/started",
        "/reports/{token}/../../log",
        "/reports/{token}/..%2f..%2flog",
        "/reports/{token}/%2e%2e/%2e%2e/log",
        "/reports/../armed/{token}/arming.json",
        "/armed/{token}/install.ign",
        "/ipxe/" + MAC_A + ".ipxe",
        "/boot.ipxe",
        "/images/started",
        "/programs/started",
    ],
)
def test_nothing_can_be_left_elsewhere(web, path):
    token = web.arm("a", A, MAC_A)
    before = {file: file.stat().st_mtime_ns for file in web.root.rglob("*") if file.is_file() and file != web.log}
    status = web.ask(A, path.format(token=token), "PUT", "{}").status
    assert status in (400, 403, 404, 405, 409)
    after = {file: file.stat().st_mtime_ns for file in web.root.rglob("*") if file.is_file() and file != web.log}
    assert after == before


@pytest.mark.parametrize("length", [16 * 1024 + 1, 10**6])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_report_has_its_limit(web, length, chunked):
    token = web.arm("a", A, MAC_A)
    body = iter([b"x" * length]) if chunked else "x" * length
    try:
        status = web.ask(A, f"/reports/{token}/started", "PUT", body).status
    except (BrokenPipeError, ConnectionResetError):  # it does not wait for the end of what is too long
        status = 413
    assert status == 413
    assert stored(web, token) == []
    assert report(web, A, token, "started", "x" * 16 * 1024) == 201


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "MKCOL", "COPY", "MOVE", "PROPFIND", "OPTIONS"])
def test_reports_are_left_and_nothing_else(web, method):
    token = web.arm("a", A, MAC_A)
    report(web, A, token, "started", "hidden")
    headers = {"Destination": f"/reports/{token}/running"}
    for path in (f"/reports/{token}/started", f"/reports/{token}/", f"/reports/{token}/running", "/reports/"):
        answer = web.ask(A, path, method, headers=headers)
        assert answer.status in (403, 404, 405)
        assert "hidden" not in answer.body
    assert stored(web, token) == ["started"]


def test_the_time_of_a_report_is_the_boot_hosts(web):
    token = web.arm("a", A, MAC_A)
    before = int(time.time())
    report(web, A, token, "started", headers={"Date": "Thu, 01 Jan 2015 00:00:00 GMT"})
    assert before <= arming.read_reports(web.places, token)["started"]["when"] <= time.time()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/armed/",
        "/armed/{token}",
        "/armed/{token}/",
        "/armed/{token}/install.ign",
        "/armed/{token}/install.ipxe",
        "/armed/{token}/arming.json",
        "/armed/{token}/script.ipxe",
        "/armed/{signature}/{until}/{token}/",
        "/armed/{signature}/{until}/{token}/arming.json",
        "/armed/{signature}/{until}/{token}/script.ipxe",
        "/armed/{signature}/{until}/{token}/unfinished.ipxe",
        "/armed/{signature}/{until}/{token}/../{token}/arming.json",
        "/armed/{signature}/{until}/{token}/..%2f{token}%2farming.json",
        f"/armed/{{signature}}/{{until}}/{ANY_TOKEN}/install.ign",
        "/armed/" + "A" * 22 + "/{until}/{token}/install.ign",
        "/armed//{until}/{token}/install.ign",
        "/armed/{signature}/0/{token}/install.ign",
        "/installs/log",
        "/log",
        "/scripts/",
        f"/scripts/{A}/{MAC_A}.ipxe",
        "/ipxe/",
        f"/ipxe/{A}/{MAC_A}.ipxe",
        "/ipxe/..%2f..%2finstalls/log",
        "/programs/",
        "/programs/../installs/log",
        "/programs../installs/log",
        "/images/",
        "/images../installs/log",
        "/ignition/",
        "/secure-link.conf",
        "/index.json",
    ],
)
def test_there_is_no_way_around(web, path):
    token = web.arm("a", A, MAC_A)
    *_, signature, until, _, _ = web.config_of(A, MAC_A).split("/")
    assert web.ask(A, path.format(token=token, signature=signature, until=until)).status in (400, 403, 404, 410)


def test_a_machines_own_script_is_found_behind_that_of_its_arming(web):
    own = web.fleet / "ipxe" / A
    own.mkdir()
    (own / f"{MAC_A}.ipxe").write_text("the disk of a")
    web.arm("a", A, MAC_A)
    assert web.ask(A, f"/ipxe/own/{MAC_A}.ipxe").body == "the disk of a"
    assert web.ask(B, f"/ipxe/own/{MAC_A}.ipxe").body == "unknown"
    arming.disarm(web.places, ["a"], "tester")
    assert web.ask(A, f"/ipxe/{MAC_A}.ipxe").body == "the disk of a"


def test_boot_programs_are_served_by_http(web):
    (web.root / "programs" / "snponly.efi").write_text("MZ")
    answer = web.ask(NOBODY, "/programs/snponly.efi")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/efi")


def test_the_log_has_no_tokens(web):
    token = web.arm("a", A, MAC_A)
    url = web.config_of(A, MAC_A)
    web.ask(A, url)
    web.ask(A, f"/ignition/{token}.ign")
    web.ask(A, f"/armed/{token}/unfinished.ipxe")
    report(web, A, token, "started")
    deadline = time.monotonic() + 60
    while len(log := web.log.read_text().splitlines()) < 5:  # it is written after the answer
        assert time.monotonic() < deadline
        time.sleep(0.02)
    log = "\n".join(log)
    assert token not in log
    assert f'{A} "PUT /reports/(token)/started HTTP/1.1" 201' in log
    assert "/(token)/install.ign HTTP/1.1" in log
    assert f"/ipxe/{MAC_A}.ipxe" in log


def test_the_signature_is_nginxs(web):
    """Written down once, so that nobody changes it on one side alone."""
    assert arming.sign(SECRET, ANY_TOKEN, A, 1800000000).endswith("/1800000000")
    assert len(arming.sign(SECRET, ANY_TOKEN, A, 1800000000).split("/")[0]) == 22
