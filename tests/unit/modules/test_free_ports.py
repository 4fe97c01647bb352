"""Who may hold a port that a boot host's services need."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.kindling.flatcar.plugins.modules import free_ports

#: As root sees it whose rights end at a container's walls: nobody is named.
SS = """\
#!/bin/sh
echo "udp UNCONN 0 0 10.0.0.1:69 0.0.0.0:*"
"""
SYSTEMCTL = """\
#!/bin/sh
[ "$3" = "$(cat "$(dirname "$0")/active")" ]
"""
S6 = """\
#!/bin/sh
[ "${3##*/}" = "$(cat "$(dirname "$0")/active")" ] && echo true 7 || echo false -1
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    for name, text in (("ss", SS), ("systemctl", SYSTEMCTL), ("s6-svstat", S6)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def module(active, **options):
        (tmp_path / "active").write_text(active)
        arguments = {
            "ports": [{"protocol": "udp", "port": 69}],
            "networks": [{"address": "10.0.0.1", "interface": "lan0"}],
            "units": ["kindling-one.service", "kindling-two.service"],
            **options,
        }
        with patch_module_args(arguments), pytest.raises(SystemExit):
            free_ports.main()
        return json.loads(capsys.readouterr().out)

    return module


@pytest.mark.parametrize("unit", ["kindling-one.service", "kindling-two.service"])
def test_each_of_the_units_may_hold_it(run, unit):
    assert run(unit)["changed"] is False


def test_anybody_else_is_named_with_whoever_needs_it(run):
    assert "kindling-one.service or kindling-two.service needs it on 10.0.0.1" in run("stranger.service")["msg"]


@pytest.mark.parametrize("name", ["one", "two"])
def test_under_s6_as_well(run, name):
    supervised = ["/services/one", "/services/two"]
    assert run(name, supervised=supervised)["changed"] is False
    assert run("stranger", supervised=supervised)["failed"]
