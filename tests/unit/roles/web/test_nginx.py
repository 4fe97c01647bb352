"""Who may read what, and who may leave what, asked of a real nginx with the role's own configuration.

It listens on the loopback interface, and its machines have addresses there.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import pathlib
import re
import secrets
import shutil
import socket
import subprocess
import time
import urllib.parse
from typing import NamedTuple

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.kindling.flatcar.plugins.module_utils._arming import arming
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import routes
from armed_room import make_places, publish, withdraw

pytestmark = pytest.mark.slow

A, B, NOBODY, FAR = "127.0.0.11", "127.0.0.12", "127.0.0.99", "127.9.0.1"
QUARANTINED = "127.0.0.201"
MAC_A, MAC_B = "52-54-00-00-00-0a", "52-54-00-00-00-0b"
ANY_TOKEN = "x" * 43

ROLE = pathlib.Path(__file__).parents[4] / "roles" / "web"
SERVER = f"127.1.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"  # others may run beside us
SECRET = "0123456789abcdefghijABCDEFGHIJ0123456789"  # noqa: S105 nobody's


class Answer(NamedTuple):
    status: int
    body: str
    headers: dict[str, str]


class Web:
    """nginx below *root*, and all that it serves."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.fleet = root / "web"
        self.places = make_places(root, self.fleet)
        self.log, self.errors = root / "access.log", root / "error.log"
        self.port = _free_port()
        for directory in ("web/ipxe", "web/taken", "web/misplaced", "images", "programs"):
            (root / directory).mkdir(parents=True)
        (self.fleet / "boot.ipxe").write_text("#!ipxe\n")
        (self.fleet / "ipxe" / "unknown.ipxe").write_text("unknown")
        (self.fleet / "ipxe" / "over.ipxe").write_text("whole")
        (self.fleet / "ipxe" / "waiting.ipxe").write_text("half-written and misplaced")
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
            "__web_networks": [
                {"address": SERVER, "cidr": "127.0.0.0/24", "nearby": ["127.0.0.200/29"], "quarantine": None},
                {"address": SERVER, "cidr": "127.9.0.0/16", "nearby": ["127.9.0.0/16"], "quarantine": None},
            ],
            "__web_secret": self.root / "secure-link.conf",
            "__web_run_dir": self.root,
            "web_root": self.fleet,
            "web_former_dir": self.root / "former",
            "web_images_dir": self.root / "images",
            "web_programs_dir": self.root / "programs",
            "web_installs_dir": self.places.installs,
        }
        template = (ROLE / "templates" / "nginx.conf.j2").read_text()
        templar = Templar(loader=DataLoader(), variables=values)
        # As the module `template` does: a block leaves no empty line
        text = templar.template(trust_as_template("#jinja2: trim_blocks: True\n" + template))
        text = re.sub(r"access_log \S+", f"access_log {self.log}", text)
        text = text.replace("error_log stderr", f"error_log {self.errors}")
        return text.replace(f"{SERVER}:80 ", f"{SERVER}:{self.port} ")

    def start(self) -> subprocess.Popen:
        user = " user root;" if os.geteuid() == 0 else ""
        options = f"daemon off; pid {self.root}/pid;{user}"
        return self._await(["nginx", "-p", str(self.root), "-c", str(self.config), "-g", options])

    def _await(self, command) -> subprocess.Popen:
        process = subprocess.Popen(command)
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
        return self.arm_order(an_order(node, address, mac), seconds).token

    def arm_order(self, order, seconds=3600):
        publish(self.places, order)
        arming.arm(self.places, [order], "tester", SECRET, seconds, again=True)
        return order

    def publish_node(self, address, mac, token="r" * 43):
        """What a generation has of a node that reports with this token."""
        for path, text in (
            (f"ipxe/{address}/{mac}.ipxe", "its disk"),
            (f"reporters/{token}/127.0.0.0-24/{address}", ""),
        ):
            (self.fleet / path).parent.mkdir(parents=True, exist_ok=True)
            (self.fleet / path).write_text(text)
        return token

    def config_of(self, address, mac):
        """The URL that the script of an armed machine has for its installer's config."""
        (script,) = [
            line for line in self.ask(address, f"/ipxe/{mac}.ipxe").body.splitlines() if "install.ipxe" in line
        ]
        return script.partition("chain ")[2].replace(".ipxe", ".ign")


def an_order(node, address, mac, witness=False):
    token = secrets.token_urlsafe(32)
    files = {
        "install.ipxe": f"config /armed/{routes.UNSIGNED}/{token}/install.ign",
        "install.ign": f"the secrets of {node}",
        "unfinished.ipxe": f"{node} is half-written",
    }
    return arming.Order(
        token=token,
        node=node,
        address=address,
        macs=(mac,) if isinstance(mac, str) else mac,
        script=f"#!ipxe\nchain /armed/{routes.UNSIGNED}/{token}/install.ipxe\n",
        files={name: text for name, text in files.items() if name == "unfinished.ipxe" or not witness},
        digest=secrets.token_hex(16),
        network="127.0.0.0-24",
        limit=600,
        about={"version": "9999.2.0", "config": "c" * 64},
        witness=witness,
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
    web.publish_node(address, MAC_A, token)
    (web.fleet / "ignition" / token).mkdir(parents=True)
    (web.fleet / "ignition" / token / f"{address}.ign").write_text("in RAM")
    return token


def test_an_armed_machine_is_given_the_installer_and_nobody_is_told_to_keep_it(web):
    web.arm("a", A, MAC_A)
    answer = web.ask(A, web.config_of(A, MAC_A))
    assert (answer.status, answer.body) == (200, "the secrets of a")
    assert answer.headers["Cache-Control"] == "no-store"
    assert web.ask(A, web.config_of(A, MAC_A).replace(".ign", ".ipxe")).body.startswith("config /armed/")


def test_no_other_machine_is_given_it(web):
    web.publish_node(B, MAC_B)
    (web.fleet / "taken" / "127.0.0.1").touch()
    web.arm("a", A, MAC_A)
    assert web.ask(B, f"/ipxe/{MAC_B}.ipxe").body == "its disk"
    assert web.ask(B, f"/ipxe/{MAC_A}.ipxe").body == "unknown"
    assert web.ask(NOBODY, f"/ipxe/{MAC_A}.ipxe").body == "unknown"
    others = (B, NOBODY, "127.0.0.1", FAR, SERVER)
    assert {web.ask(other, web.config_of(A, MAC_A)).status for other in others} == {404}


def test_a_machines_other_nics_are_given_it(web):
    """It asks by whichever had its lease first."""
    web.arm("a", A, MAC_A)
    assert web.ask(QUARANTINED, web.config_of(A, MAC_A)).status == 200
    web.publish_node(QUARANTINED, MAC_B)
    assert web.ask(QUARANTINED, web.config_of(A, MAC_A)).status == 404


def test_two_armed_machines_with_tokens_swapped_are_refused(web):
    for node, address, mac in (("a", A, MAC_A), ("b", B, MAC_B)):
        web.publish_node(address, mac, node * 43)
        web.arm(node, address, mac)
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


def test_a_url_expires_by_itself(web):
    """By the clock that can be set; the gate closes by the other one."""
    order = web.arm_order(an_order("a", A, MAC_A))
    over = int(time.time()) - 1
    signature = arming.sign(SECRET, order.token, order.network, over)
    assert web.ask(A, f"/armed/{signature}/{order.token}/install.ign").status == 410
    signature = arming.sign(SECRET, order.token, order.network, over + 3600)
    assert web.ask(A, f"/armed/{signature}/{order.token}/install.ign").status == 200


def test_what_keeps_the_gates_ends_all_armings_when_it_ends(web):
    """A clock that was set back helps nobody: neither does a URL whose time is not over."""
    token = web.arm("a", A, MAC_A)
    url = web.config_of(A, MAC_A)
    for batch in web.places.gates.live.iterdir():
        shutil.rmtree(batch)
    assert web.ask(A, url).status == 410
    assert report(web, A, token, "started") == 409


def test_what_is_published_no_more_is_given_no_more(web):
    """At the moment of the switch, before anybody has settled."""
    order = web.arm_order(an_order("a", A, MAC_A))
    url = web.config_of(A, MAC_A)
    assert web.ask(A, url).status == 200
    withdraw(web.places, order)
    assert web.ask(A, url).status == 410
    assert web.ask(A, url.replace(".ign", ".ipxe")).body == "whole"
    assert report(web, A, order.token, "started") == 409


@pytest.mark.parametrize("stage", [*routes.ENDS, None])
def test_reports_that_are_lost_open_nothing(web, stage):
    token = web.arm("a", A, MAC_A)
    url = web.config_of(A, MAC_A)
    directory = web.places.reports / token
    if stage:
        report(web, A, token, stage)
        (directory / stage).unlink()
    else:
        shutil.rmtree(directory)
    assert web.ask(A, url).status == 410


def test_disarmed_is_refused_at_once_and_may_not_begin(web):
    token = web.arm("a", A, MAC_A)
    url = web.config_of(A, MAC_A)
    arming.disarm(web.places, ["a"], "tester")
    assert web.ask(A, url).status == 410
    assert report(web, A, token, "started") == 409


@pytest.mark.parametrize(
    ("stage", "told"), [("installed", "whole"), ("failed", "a is half-written"), ("running", "whole")]
)
def test_an_install_that_ended_is_not_given_again(web, stage, told):
    token = web.arm("a", A, MAC_A)
    url = web.config_of(A, MAC_A)
    assert report(web, A, token, "started") == 201
    assert web.ask(A, url).status == 200
    assert report(web, A, token, stage) == 204
    assert web.ask(A, url).status == 410
    assert web.ask(A, url.replace(".ign", ".ipxe")).body == told


def test_a_machine_is_kept_from_a_half_written_disk_and_from_no_other(web):
    token = web.arm("a", A, MAC_A)
    unfinished = f"/armed/{token}/unfinished.ipxe"
    assert web.ask(A, unfinished).body == "whole"
    report(web, A, token, "started")
    assert web.ask(A, unfinished).body == "a is half-written"
    report(web, A, token, "installed")
    assert web.ask(A, unfinished).body == "whole"


def test_an_install_that_was_announced_and_wrote_nothing_leaves_a_whole_disk(web):
    token = web.arm("a", A, MAC_A)
    unfinished = f"/armed/{token}/unfinished.ipxe"
    assert report(web, A, token, "untouched") == 409  # nothing has failed
    report(web, A, token, "started")
    assert report(web, A, token, "untouched") == 409
    report(web, A, token, "failed")
    assert web.ask(A, unfinished).body == "a is half-written"
    assert report(web, A, token, "untouched") == 201
    assert web.ask(A, unfinished).body == "whole"
    assert web.ask(A, web.config_of(A, MAC_A)).status == 410


def test_a_half_written_machine_is_held_at_its_new_address_and_its_token_is_told_to_nobody(web):
    token = web.arm("a", A, MAC_A)
    report(web, A, token, "started")
    arming.settle(web.places)
    assert web.ask(QUARANTINED, f"/ipxe/{MAC_A}.ipxe").body == "unknown"
    web.publish_node("127.0.0.13", MAC_A)
    assert token in web.ask("127.0.0.13", f"/ipxe/{MAC_A}.ipxe").body
    assert web.ask(A, f"/scripts/half-written/{MAC_A}.ipxe").status == 404


@pytest.mark.parametrize("address", [B, NOBODY, QUARANTINED, FAR])
def test_a_machine_with_another_address_is_told_so_and_not_that_it_is_unknown(web, address):
    web.publish_node(A, MAC_A)
    web.publish_node(B, MAC_B)
    (web.fleet / "misplaced" / f"{MAC_A}.ipxe").write_text("misplaced")
    web.arm("a", A, MAC_A)
    for path in (f"/ipxe/{MAC_A}.ipxe", f"/ipxe/own/{MAC_A}.ipxe"):
        assert web.ask(address, path).body == "misplaced"
    assert web.ask(address, "/ipxe/52-54-00-00-00-99.ipxe").body == "unknown"
    assert web.ask(A, f"/ipxe/own/{MAC_A}.ipxe").body == "its disk"
    assert web.ask(A, f"/misplaced/{MAC_A}.ipxe").status == 404


def test_a_half_written_machine_is_kept_from_its_disk_at_any_address_and_told_no_token(web):
    web.publish_node(A, MAC_A)
    (web.fleet / "misplaced" / f"{MAC_A}.ipxe").write_text("misplaced")
    token = web.arm("a", A, MAC_A)
    report(web, A, token, "started")
    arming.settle(web.places)
    for address in (NOBODY, QUARANTINED, FAR):
        assert web.ask(address, f"/ipxe/{MAC_A}.ipxe").body == "half-written and misplaced"
    assert token in web.ask(A, f"/ipxe/{MAC_A}.ipxe").body


def test_a_machine_is_answered_about_an_arming_that_nobody_remembers(web):
    """What is not answered is nobody's word, and it would ask for ever."""
    assert web.ask(A, f"/armed/{ANY_TOKEN}/unfinished.ipxe").body == "whole"
    signature = arming.sign(SECRET, ANY_TOKEN, A, int(time.time()) + 60)
    assert web.ask(A, f"/armed/{signature}/{ANY_TOKEN}/install.ipxe").body == "whole"


def test_the_other_boot_host_of_a_pair_hears_of_an_install_and_gives_none(web):
    order = an_order("a", A, MAC_A, witness=True)
    arming.arm(web.places, [order], "tester", SECRET, 3600)
    unfinished = f"/armed/{order.token}/unfinished.ipxe"
    assert web.ask(A, unfinished).body == "whole"
    assert report(web, A, order.token, "started") == 201
    assert web.ask(A, unfinished).body == "a is half-written"
    assert web.ask(A, f"/ipxe/{MAC_A}.ipxe").body.startswith("#!ipxe")
    assert report(web, A, order.token, "installed") == 204
    assert web.ask(A, unfinished).body == "whole"


def test_the_next_arming_knows_of_the_half_written_disk(web):
    report(web, A, web.arm("a", A, MAC_A), "started")
    token = web.arm("a", A, MAC_A)
    assert web.ask(A, f"/armed/{token}/unfinished.ipxe").body == "a is half-written"
    report(web, A, token, "started")
    report(web, A, token, "installed")
    assert web.ask(A, f"/armed/{token}/unfinished.ipxe").body == "whole"


def test_reports_come_in_their_order(web):
    token = web.arm("a", A, MAC_A)
    assert report(web, A, token, "started", '{"hostname": "a"}') == 201
    assert report(web, A, token, "started") == 204
    assert report(web, A, token, "installed") == 204
    for late in ("started", "failed", "installed"):
        assert report(web, A, token, late) == 409
    assert report(web, A, token, "running", '{"version": "9999.2.0"}') == 204
    assert report(web, A, token, "running", '{"version": "9999.2.1"}') == 204
    reports = arming.read_reports(web.places, token)
    assert list(reports) == ["started", "installed", "running"]
    assert reports["running"]["version"] == "9999.2.1"


def test_an_install_that_failed_does_not_begin_again(web):
    token = web.arm("a", A, MAC_A)
    assert report(web, A, token, "failed") == 204
    assert web.ask(A, web.config_of(A, MAC_A)).status == 410
    assert report(web, A, token, "started") == 409


def test_the_end_of_an_install_is_heard_although_its_arming_was_ended(web):
    order = web.arm_order(an_order("a", A, MAC_A))
    assert report(web, A, order.token, "started") == 201
    withdraw(web.places, order)
    arming.settle(web.places)
    assert report(web, A, order.token, "installed") == 204


@pytest.mark.parametrize("who", ["another node", "the gateway", "another network"])
@pytest.mark.parametrize("stage", ["started", "installed", "failed", "running"])
def test_a_report_is_taken_from_nobody_elses_address(web, who, stage):
    web.publish_node(B, MAC_B)
    (web.fleet / "taken" / "127.0.0.1").touch()
    address = {"another node": B, "the gateway": "127.0.0.1", "another network": FAR}[who]
    tokens = [web.arm("a", A, MAC_A), web.publish_node(A, MAC_A, "s" * 43)]
    assert [report(web, address, token, stage) for token in tokens] == [403, 403]
    assert (web.places.reports / tokens[0] / "started").exists() is False


def test_a_report_is_taken_from_any_other_address_of_the_nodes_network(web):
    """A second NIC may have a lease of its own."""
    token = web.arm("a", A, MAC_A)
    assert report(web, NOBODY, token, "started") == 201
    assert report(web, NOBODY, web.publish_node(A, MAC_A), "running") == 201


def test_a_nodes_own_address_may_report_whatever_else_it_is(web):
    token = web.arm("a", A, MAC_A)
    web.publish_node(A, MAC_A)
    assert report(web, A, token, "started") == 201


def test_machines_in_ram_report_that_they_run_and_nothing_else(web):
    token = in_ram(web, A, "r" * 43)
    assert report(web, A, token, "running") == 201
    assert [report(web, A, token, stage) for stage in ("started", "failed", "installed")] == [409] * 3
    assert web.ask(A, f"/ignition/{token}.ign").body == "in RAM"
    assert web.ask(NOBODY, f"/ignition/{token}.ign").status == 404


def test_a_config_is_given_to_its_machines_other_nics_and_to_no_other_machine(web):
    """In quarantine, and wherever another server gives addresses."""
    token = in_ram(web, A, "r" * 43)
    (web.fleet / "nearby" / token).mkdir(parents=True)
    for network in ("127.0.0.0-24", "127.9.0.0-16"):
        (web.fleet / "nearby" / token / network).write_text("by another NIC")
    web.publish_node(B, MAC_B, "s" * 43)
    assert web.ask(A, f"/ignition/{token}.ign").body == "in RAM"
    for other in (QUARANTINED, FAR):
        answer = web.ask(other, f"/ignition/{token}.ign")
        assert (answer.body, answer.headers["Cache-Control"]) == ("by another NIC", "no-store")
    assert {web.ask(other, f"/ignition/{token}.ign").status for other in (B, NOBODY)} == {404}
    for path in (f"/ignition/{token}/{A}.ign", f"/nearby/{token}/127.0.0.0-24"):
        assert web.ask(A, path).status == 404
    assert web.ask(A, f"/ignition/{ANY_TOKEN}.ign").status == 404


@pytest.mark.parametrize("shelf", ["1", "2"])
def test_a_config_that_is_published_no_more_is_given_to_its_own_machine(web, shelf):
    """A machine may hold the script that names it."""
    token = "f" * 43
    for path, text in ((f"ignition/{token}/{A}.ign", "as it was"), (f"nearby/{token}/127.0.0.0-24", "by another NIC")):
        there = web.root / "former" / shelf / path
        there.parent.mkdir(parents=True)
        there.write_text(text)
    for address, mac in ((A, MAC_A), (B, MAC_B)):
        web.publish_node(address, mac, mac[-1] * 43)
    answers = {address: web.ask(address, f"/ignition/{token}.ign") for address in (A, B, NOBODY, QUARANTINED, FAR)}
    assert (answers[A].body, answers[QUARANTINED].body) == ("as it was", "by another NIC")
    assert {answers[address].status for address in (B, NOBODY, FAR)} == {404}
    assert answers[A].headers["Cache-Control"] == "no-store"
    assert answers[A].headers["Content-Type"] == "application/vnd.coreos.ignition+json"
    for path in (f"{shelf}/ignition/{token}/{A}.ign", f"{shelf}/nearby/{token}/127.0.0.0-24", ""):
        assert web.ask(A, f"/former/{path}").status == 404
    assert token not in web.log.read_text() + web.errors.read_text()


def test_what_is_published_comes_before_what_was(web):
    token = in_ram(web, A, "r" * 43)
    there = web.root / "former" / "1" / "ignition" / token / f"{A}.ign"
    there.parent.mkdir(parents=True)
    there.write_text("as it was")
    assert web.ask(A, f"/ignition/{token}.ign").body == "in RAM"


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
    assert stored(web, token) == sorted(routes.ENDS)
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
    assert stored(web, token) == sorted({*routes.ENDS, "started"})


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
        "/armed/{token}/gate",
        "/armed/{token}/order",
        "/orders/",
        f"/taken/{A}",
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


def test_the_log_says_which_script_was_the_answer_and_whether_all_of_it_was_sent(web):
    web.arm("a", A, MAC_A)
    web.publish_node(A, MAC_A)
    installer = web.config_of(A, MAC_A).replace("install.ign", "install.ipxe")
    for path in (f"/ipxe/own/{MAC_A}.ipxe", f"/ipxe/{MAC_B}.ipxe", installer):
        web.ask(A, path)
    failed = web.ask(A, f"/failures/kernel/{MAC_A}/0x2d0c613b")
    assert failed.status == 404
    (web.root / "images" / "initrd").write_bytes(bytes(50_000_000))
    with socket.create_connection((SERVER, web.port), 60, (A, 0)) as connection:
        connection.sendall(b"GET /images/initrd HTTP/1.1\r\nHost: boot\r\n\r\n")
        connection.recv(65536)
    deadline = time.monotonic() + 60
    while len(log := web.log.read_text().splitlines()) < 6:  # it is written after the answer
        assert time.monotonic() < deadline
        time.sleep(0.02)
    ends = [line.rpartition('"')[2].split() for line in log]
    assert [words[1:] for words in ends] == [
        *(["whole", word] for word in ("ordered", "own", "unknown", "installer", "-")),
        ["broken", "-"],
    ]
    assert all(re.fullmatch(r"\d+\.\d{3}", words[0]) for words in ends)
    assert f'/failures/kernel/{MAC_A}/0x2d0c613b HTTP/1.1" 404' in log[4]


def test_the_log_of_errors_has_no_tokens(web):
    """Whatever goes wrong with a request: it is too long, it cannot be stored, what it asks for cannot be read."""
    token = web.arm("a", A, MAC_A)
    url = web.config_of(A, MAC_A)
    report(web, A, token, "started", "x" * (16 * 1024 + 1))
    (web.places.armed / token / "install.ign").unlink()
    assert web.ask(A, url).status == 404
    shutil.rmtree(web.places.reports / ".incoming")
    (web.places.reports / ".incoming").touch()
    assert report(web, A, token, "started") == 500
    ram = in_ram(web, A, "q" * 43)
    web.ask(B, f"/ignition/{ram}.ign")
    web.ask(A, "/../x")
    assert not [secret for secret in (token, ram) if secret in web.errors.read_text()]


ENCODED = "".join(f"%{ord(letter):02X}" for letter in ANY_TOKEN)
HOWEVER = [
    f"GET /ignition/{ANY_TOKEN}.ign HTTP/1.1",
    f"GET /ignition//{ANY_TOKEN}.ign HTTP/1.0",
    f"GET /ignition%2F{ANY_TOKEN}.ign HTTP/1.1",
    f"GET /%69gnition/{ANY_TOKEN}.ign HTTP/1.1",
    f"GET /ignition/{ENCODED}.ign HTTP/1.1",
    f"GET /ignition/{ANY_TOKEN[:42]}%78.ign HTTP/1.1",
    f"GET /IGNITION/{ANY_TOKEN} HTTP/1.1",
    f"GET http://boot/ignition/{ANY_TOKEN}.ign HTTP/1.1",
    f"GET /ignition/{ANY_TOKEN}/{ANY_TOKEN}.ign HTTP/1.1",
    f"GET /reports/{ANY_TOKEN}/started?{ANY_TOKEN} HTTP/1.1",
    f"GET /reports/y{ANY_TOKEN}/started HTTP/1.1",
    f"GET /boot.ipxe?token={ANY_TOKEN}&{'z' * 500} HTTP/1.1",
    f"GET /boot.ipxe#{ANY_TOKEN} HTTP/1.1",
    f"GET /images/{ANY_TOKEN} HTTP/1.1\r\nUser-Agent: {ANY_TOKEN}",
    f"GET /images/../reports/{ANY_TOKEN}/running HTTP/1.1\r\nReferer: /{ANY_TOKEN}",
    f"GET /programs/{ANY_TOKEN}/ HTTP/1.1",
    f"GET /images/{ANY_TOKEN}/{'z' * 400} HTTP/1.1",
    f"GET /{ANY_TOKEN}\\{ANY_TOKEN} HTTP/1.1",
    f"GET /{ANY_TOKEN}",
    f"GET /{ANY_TOKEN} HTTP/9.9",
    f"{ANY_TOKEN} / HTTP/1.1",
    f"{ANY_TOKEN.upper()} / HTTP/1.1",
    f"PUT /reports/{ANY_TOKEN}/other HTTP/1.1\r\nContent-Length: 999999",
    f"PUT /reports/{ANY_TOKEN} HTTP/1.1\r\nContent-Length: 999999",
    f"PUT /images/{ANY_TOKEN} HTTP/1.1\r\nContent-Length: 999999",
    f"PUT /programs/{ANY_TOKEN} HTTP/1.1\r\nContent-Length: 999999",
    f"PUT /boot.ipxe?{ANY_TOKEN} HTTP/1.1\r\nContent-Length: 999999",
    f"POST /ipxe/{MAC_A}.ipxe?{ANY_TOKEN} HTTP/1.1\r\nContent-Length: 999999",
    f"PUT /reports/{ANY_TOKEN}/running HTTP/1.1\r\nContent-Length: 3\r\nContent-Range: bytes 0-2/9",
    f"MOVE /reports/{ANY_TOKEN}/running HTTP/1.1\r\nDestination: /reports/{ANY_TOKEN}/failed",
    f"GET /armed/{'s' * 22}/1/{ANY_TOKEN}/install.ign HTTP/1.1\r\nHost: {ANY_TOKEN}",
    f"GET /armed/{ANY_TOKEN}/install.ign HTTP/1.1",
    f"GET /former/1/ignition/{ANY_TOKEN}/{A}.ign HTTP/1.1",
]


def test_no_log_has_a_token_however_somebody_writes_it(web):
    (web.root / "former" / "1").mkdir(parents=True)
    for request in HOWEVER:
        with socket.create_connection((SERVER, web.port), 60, (A, 0)) as connection:
            named = "" if "Host:" in request else "Host: boot\r\n"
            connection.sendall(f"{request}\r\n{named}Connection: close\r\n\r\n".encode())
            with contextlib.suppress(ConnectionResetError):
                connection.recv(65536)
    deadline = time.monotonic() + 60
    while len(log := web.log.read_text().splitlines()) < len(HOWEVER):  # it is written after the answer
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for line in (*log, *web.errors.read_text().splitlines()):
        assert ANY_TOKEN not in urllib.parse.unquote(line).lower()
        assert len(line) < 500


def test_the_signature_is_nginxs(web):
    """Written down once, so that nobody changes it on one side alone."""
    assert arming.sign(SECRET, ANY_TOKEN, A, 1800000000).endswith("/1800000000")
    assert len(arming.sign(SECRET, ANY_TOKEN, A, 1800000000).split("/")[0]) == 22
