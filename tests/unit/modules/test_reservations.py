"""What the module has dnsmasq do about the published reservations."""

from __future__ import annotations

import hashlib
import json

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.kindling.flatcar.plugins.module_utils._dnsmasq import leases
from ansible_collections.kindling.flatcar.plugins.module_utils._host import services
from ansible_collections.kindling.flatcar.plugins.modules import reservations

RELOAD = "systemctl reload kindling-dnsmasq.service"
RELOAD_NAMES = "systemctl reload kindling-tftp.service"
RESERVED = "52:54:00:00:00:01,id:*,10.0.0.1,n1\n"
FORMER = "1795429787 52:54:00:00:00:99 10.0.0.1 n1 *\n"
SYSTEMCTL = """\
#!/bin/sh
place=$(dirname "$0")
if [ "$1" = show ]; then cat "$place/state"; else echo "systemctl $*" >> "$place/log"; fi
"""
#: As `ip -json route get` answers.
IP = """\
#!/bin/sh
echo '[{"dev": "lan0", "prefsrc": "10.0.0.254"}]'
"""


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A boot host that serves a generation, and whose dnsmasq has one lease of a former network card."""
    for name, text in (("systemctl", SYSTEMCTL), ("ip", IP)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(services, "RUNTIME", tmp_path)
    monkeypatch.setattr(reservations, "LEASES", tmp_path / "leases")
    served = tmp_path / "current" / "dnsmasq"
    served.mkdir(parents=True)
    for name in ("dhcp-hosts", "dns-hosts", "known.nft"):
        (served / name).write_text(RESERVED)
    (tmp_path / "leases").write_text(FORMER)
    return tmp_path


def has_read(host, text):
    """The services' records of what they loaded."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    files = list((host / "current" / "dnsmasq").iterdir())
    for service in reservations.FILES:
        (host / service).mkdir(exist_ok=True)
        (host / service / "loaded").write_text("".join(f"{digest}  {path}\n" for path in files))


@pytest.fixture
def run(host, capsys):
    def module(active="active", check=False, **options):
        (host / "state").write_text(f"ActiveState={active}\nUnitFileState=disabled\nNeedDaemonReload=no\n")
        (host / "log").write_text("")
        with (
            patch_module_args({"path": str(host), "_ansible_check_mode": check, **options}),
            pytest.raises(SystemExit),
        ):
            reservations.main()
        result = json.loads(capsys.readouterr().out)
        if not result.get("failed"):
            assert (host / "log").read_text().splitlines() == ([] if check else result["actions"])
            assert result["changed"] == bool(result["actions"] or result["released"])
        return result

    return module


@pytest.fixture
def given_back(monkeypatch, host):
    """dnsmasq ends each lease that is released."""
    told = []

    def give_back(lease, interface, server):
        told.append((lease.mac, interface, str(server)))
        (host / "leases").write_text("")

    monkeypatch.setattr(leases, "give_back", give_back)
    return told


def test_what_dnsmasq_has_read_already_is_left_alone(run, host):
    has_read(host, RESERVED)
    (host / "leases").unlink()
    assert run()["changed"] is False


def test_it_loads_what_is_new_to_it_and_leases_in_the_way_end(run, host, given_back):
    has_read(host, "older")
    result = run()
    assert result["actions"] == [RELOAD, RELOAD_NAMES]
    assert result["released"] == [{"mac": "52:54:00:00:00:99", "address": "10.0.0.1"}]
    assert given_back == [("52:54:00:00:00:99", "lan0", "10.0.0.254")]


@pytest.mark.parametrize(
    ("name", "reload"), [("dhcp-hosts", RELOAD), ("known.nft", RELOAD), ("dns-hosts", RELOAD_NAMES)]
)
def test_only_the_service_that_reads_what_is_new_reloads_it(run, host, given_back, name, reload):
    has_read(host, RESERVED)
    (host / "current" / "dnsmasq" / name).write_text(f"{RESERVED}\n")
    assert run()["actions"] == [reload]


def test_check_mode_goes_by_what_would_be_published_and_ends_nothing(run, host, given_back):
    has_read(host, RESERVED)
    assert run(check=True)["actions"] == []
    result = run(check=True, published=True)
    assert result["actions"] == [RELOAD, RELOAD_NAMES]
    assert len(result["released"]) == 1
    assert given_back == []
    assert (host / "leases").read_text() == FORMER


def test_one_that_is_stopped_is_not_brought_up_and_one_that_is_disabled_not_enabled(run, host, given_back):
    assert run("inactive", published=True)["actions"] == []
    assert run("active")["actions"] == [RELOAD, RELOAD_NAMES]


def test_where_nothing_is_published_nothing_is_in_the_way(run, host):
    for path in (host / "current" / "dnsmasq").iterdir():
        path.unlink()
    assert run("inactive")["changed"] is False


def test_a_lease_that_stays_is_told(run, host, monkeypatch):
    has_read(host, RESERVED)
    monkeypatch.setattr(leases, "give_back", lambda *_: None)
    monkeypatch.setattr(reservations, "PATIENCE", 0)
    warned = []
    monkeypatch.setattr(reservations.AnsibleModule, "warn", lambda _self, text, **_: warned.append(text))
    result = run()
    assert (result["released"], result["changed"]) == ([], False)
    assert "did not end the lease of 52:54:00:00:00:99 for 10.0.0.1" in warned[0]


def test_under_s6_it_reloads_what_was_published(run, host, given_back):
    (host / "s6-svc").write_text('#!/bin/sh\necho "s6-svc $*" >> "$(dirname "$0")/log"\n')
    (host / "s6-svc").chmod(0o755)
    for service in reservations.FILES:
        (host / service / "supervise").mkdir(parents=True)
        (host / service / "supervise" / "control").touch()
    assert run(supervised=str(host), published=False)["actions"] == []
    assert run(supervised=str(host), published=True)["actions"] == [
        f"s6-svc -h {host}/kindling-dnsmasq",
        f"s6-svc -h {host}/kindling-tftp",
    ]


def test_what_fails_is_told_with_what_to_do(run, host):
    (host / "systemctl").write_text("#!/bin/sh\necho no such bus >&2\nexit 1\n")
    assert "no such bus. `journalctl -u kindling-dnsmasq.service` says why" in run()["msg"]
