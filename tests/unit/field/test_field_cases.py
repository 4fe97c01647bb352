"""What people write: small inventories with a mistake that they make, or with a wish that they have, and what they are told.

A case is a folder of `tests/field_cases`:

* `input.yml`: more variables of one node; or, where `kind` says `net`, the boot host's own, `---`, and all nodes by their names
  (FILES stands for the folder `files`); or nothing, where there is a folder `inventory`.
* `expected.txt`: how `validate.yml` ends, and texts that it prints, each in a line of its own; with `not ` before one, it does not.
  Lines behind `explain` are for `explain.yml`, of the node n1.
* `pending`: what has to be built before the case passes. It goes with the change that lets it.
"""

from __future__ import annotations

import pathlib
import re
import shutil

import playbook_runs
import pytest
import yaml

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[3]
CASES = sorted(path.parent for path in (ROOT / "tests" / "field_cases").glob("*/expected.txt"))
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEtpbmRsaW5nIHRlc3Qga2V5OiBvcGVucyBub3RoaW5n ops"
BOOT = {
    "kindling_networks": [
        {
            "interface": "lo",
            "subnet": "10.10.0.0/24",
            "racks": ["rack-a"],
            "gateway": "10.10.0.254",
            "address": "10.10.0.1",
        }
    ]
}
NODE = {
    "flatcar_rack": "rack-a",
    "flatcar_mac": "52:54:00:12:a0:01",
    "flatcar_address": "10.10.0.11",
    "flatcar_boot_mode": "ram",
    "flatcar_authorized_keys": [KEY],
}


def build(case: pathlib.Path, root: pathlib.Path) -> None:
    if (case / "inventory").is_dir():
        shutil.copytree(case / "inventory", root, dirs_exist_ok=True)
        return
    text = (case / "input.yml").read_text().removeprefix("---\n")
    if kind(case) == "net":
        boot, _, nodes = text.replace("FILES", str(case / "files")).partition("\n---\n")
        host = yaml.safe_load(boot)
        named = {name: yaml.safe_dump({**NODE, **own}) for name, own in yaml.safe_load(nodes).items()}
    else:
        host = BOOT
        said = re.findall(r"^\w+", text, re.MULTILINE)
        # As it is written: what YAML makes of it is what is tried
        named = {"n1": yaml.safe_dump({name: value for name, value in NODE.items() if name not in said}) + text}
    (root / "host_vars").mkdir()
    for name, own in {**named, "boot-a": yaml.safe_dump(host)}.items():
        (root / "host_vars" / f"{name}.yml").write_text(own)
    hosts = {
        "boot_hosts": {"hosts": {"boot-a": {"ansible_connection": "local"}}},
        "flatcar_nodes": {"hosts": dict.fromkeys(named)},
    }
    (root / "hosts.yml").write_text(yaml.safe_dump(hosts))


def kind(case: pathlib.Path) -> str:
    return (case / "kind").read_text().strip() if (case / "kind").exists() else "node"


def play(root: pathlib.Path, name: str, *options: str) -> tuple[int, str]:
    done = playbook_runs.forked("-i", root, f"playbooks/{name}.yml", *options)
    return done.returncode, done.stdout + done.stderr


def expected(case: pathlib.Path) -> tuple[int, list[str], list[str]]:
    """How validating ends, what it says, and what explaining says."""
    first, *lines = (
        line for line in (case / "expected.txt").read_text().splitlines() if line and not line.startswith("#")
    )
    at = lines.index("explain") if "explain" in lines else len(lines)
    return {"refused": 2, "taken": 0}[first], lines[:at], lines[at + 1 :]


def check(said: str, lines: list[str]) -> None:
    plain = " ".join(said.split())
    for line in lines:
        wanted = " ".join(line.removeprefix("not ").split())
        assert (wanted in plain) != line.startswith("not "), f"{line}\n\n{said}"


def marks(case: pathlib.Path) -> list[pytest.MarkDecorator]:
    pending = case / "pending"
    return [pytest.mark.xfail(reason=pending.read_text().strip(), strict=True)] if pending.exists() else []


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name, marks=marks(case)) for case in CASES])
def test_people_are_told(case, tmp_path):
    build(case, tmp_path)
    ends, lines, shown = expected(case)
    code, said = play(tmp_path, "validate")
    check(said, lines)
    assert code == ends, said
    if shown:
        code, said = play(tmp_path, "explain", "--limit", "n1")
        assert code == 0, said
        check(said, shown)


def test_every_case_says_what_is_expected():
    folders = [path for path in (ROOT / "tests" / "field_cases").iterdir() if path.is_dir()]
    assert sorted(folders) == CASES
