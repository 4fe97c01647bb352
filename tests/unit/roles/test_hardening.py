"""The units that run for long on a boot host may do little, and say beside what they may why that is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLES = Path(__file__).parents[3] / "roles"
UNITS = sorted(ROLES.glob("*/templates/*.service.j2"), key=lambda path: path.name)
LIMIT = 2.5

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")


def unit_of(path):
    """The unit as the role lays it down, without what a boot host's networks say."""
    loader = DataLoader()
    values = {"ansible_managed": "test"}
    for part in ("defaults", "vars"):
        values |= loader.load_from_file(str(path.parents[1] / part / "main.yml"), trusted_as_template=True)
    values["__dnsmasq_networks"] = [{"standby": True}]
    return Templar(loader=loader, variables=values).template(trust_as_template(path.read_text()))


@pytest.fixture(params=UNITS, ids=lambda path: path.name.removesuffix(".service.j2"))
def unit(request, tmp_path):
    text = unit_of(request.param)
    path = tmp_path / request.param.name.removesuffix(".j2")
    path.write_text(text)
    return path


def test_every_unit_is_looked_at():
    assert [path.name for path in UNITS] == [
        "kindling-armed@.service.j2",
        "kindling-dnsmasq.service.j2",
        "kindling-former.service.j2",
        "kindling-records.service.j2",
        "kindling-tftp.service.j2",
        "kindling-web.service.j2",
    ]


def test_its_exposure_is_small(unit):
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={LIMIT * 10:.0f}", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_it_may_has_a_reason_beside_it(unit):
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--json=short", unit],
        capture_output=True,
        text=True,
        check=True,
    )
    exposed = {re.split("[=/]", test["name"])[0] for test in json.loads(done.stdout) if test["exposure"]}
    _, _, reasons = unit.read_text().partition("# What else systemd could restrict")
    known = {"CapabilityBoundingSet": "CAP_", "AmbientCapabilities": "ambient"}
    families = {"RestrictAddressFamilies"} if "RestrictAddressFamilies=AF_" in unit.read_text() else set()
    assert {name for name in exposed - families if known.get(name, name) not in reasons} == set()


def test_nobody_elses_user_runs_it(unit):
    users = re.findall(r"^(?:User|Group)=(.*)$", unit.read_text(), re.MULTILINE)
    assert users or "\nCapabilityBoundingSet=CAP_DAC_OVERRIDE\n" in unit.read_text()  # root's without its rights
    assert {user for user in users if not user.startswith("kindling-")} == set()


def test_no_setting_fails_where_no_namespace_can_be_made(unit):
    """In a container that may not, systemd passes over what makes files invisible, and not over what makes others appear."""
    fatal = r"^(?:LogNamespace|DynamicUser|PrivateUsers|RootDirectory|RootImage|TemporaryFileSystem|Bind(?:ReadOnly)?Paths)="
    assert re.findall(fatal, unit.read_text(), re.MULTILINE) == []
