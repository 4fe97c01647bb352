"""The records as the module tells them, and the units that have them written."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.kindling.flatcar.plugins.module_utils._records import records
from ansible_collections.kindling.flatcar.plugins.modules import boot_records_info

ROLE = pathlib.Path(__file__).parents[3] / "roles" / "records"
MAC, STRANGER = "52:54:00:77:00:11", "52:54:00:77:00:99"


@pytest.fixture
def told(tmp_path, capsys):
    def run(**options):
        arguments = {"directory": str(tmp_path / "records"), "_ansible_check_mode": True, **options}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            boot_records_info.main()
        return json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def there(tmp_path):
    """A machine and a stranger were heard."""
    (tmp_path / "records").mkdir()
    lines = (f"1 DHCPDISCOVER(lan0) {MAC} ", f"2 DHCPDISCOVER(lan0) {STRANGER} ignored", "started, version 2.90")
    entries = [records.Entry(f"c{n}", 1e9 + n, "kindling-dnsmasq.service", line) for n, line in enumerate(lines)]
    records.take(tmp_path / "records", lambda _: entries, records.read_machines(f"{MAC},id:*,10.0.0.1,n1\n"), 4)


def test_it_tells_of_all(told, there):
    result = told()
    assert result["changed"] is False
    ((boot,),) = result["boots"].values()
    assert (boot["name"], boot["begun"], boot["boots"]) == ("n1", 1e9, 1)
    assert [one["mac"] for one in result["strangers"]] == [STRANGER]
    assert result["until"] == 1e9 + 2


def test_it_tells_of_those_that_are_asked_for(told, there):
    assert told(macs=[STRANGER])["boots"] == {STRANGER: []}
    assert [one["mac"] for one in told(macs=[STRANGER])["strangers"]] == [STRANGER]
    result = told(macs=[MAC.upper()])
    assert (list(result["boots"]), result["strangers"]) == ([MAC], [])


def test_what_is_no_mac_address_is_refused(told, there):
    assert "expected MAC addresses such as" in told(macs=["../../etc/passwd"])["msg"]


def test_where_nothing_is_recorded_it_says_what_to_do(told):
    assert "does not exist: nothing has been recorded on this host yet" in told()["msg"]


def test_a_damaged_record_is_said(told, there, tmp_path):
    (tmp_path / "records" / records.STATE).write_text("no JSON")
    assert "is damaged: remove it" in told()["msg"]


def unit(name, directory):
    loader = DataLoader()
    parts = (ROLE / part / "main.yml" for part in ("defaults", "vars"))
    known = {"ansible_managed": "made by a test"}
    for part in parts:
        known |= loader.load_from_file(str(part), trusted_as_template=True)
    text = (ROLE / "templates" / f"{name}.j2").read_text()
    made = directory / name
    made.write_text(Templar(loader=loader, variables=known).template(trust_as_template(text)))
    return made


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not there")
def test_what_reads_everybodys_words_can_do_little(tmp_path):
    service = unit("kindling-records.service", tmp_path)
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=25", str(service)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_program_is_the_collections_own_file():
    """Which needs nothing but Python, as it is laid down alone."""
    lines = (ROLE.parents[1] / "plugins" / "module_utils" / "_records" / "records.py").read_text().splitlines()
    assert not [line for line in lines if line.startswith(("from .", "import ansible", "from ansible"))]
    assert "plugins/module_utils/_records/records.py', rstrip=false" in (ROLE / "vars" / "main.yml").read_text()
