"""Held to Ignition itself: Debian's ``ignition-validate`` has to agree with each verdict and each complaint.

It knows Ignition 3.3.0, that is the oldest version of the language, which these configs are therefore written in.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from collections import Counter

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import dumps, translate
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.decode import Decoder
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.encode import encode
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.files import FilesDir
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.limits import Budget
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.lowering import Lowering
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.schema import CONFIG, SPECS
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.structure import (
    Form,
    Scalar,
    Structure,
    fields_of,
)
from repetition import repetitions

IGNITION_VALIDATE = shutil.which("ignition-validate")
OLDEST = SPECS[0]
ROUNDS, CONFIGS = repetitions(2, 40), 50

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not IGNITION_VALIDATE, reason="the program ignition-validate (Debian's package ignition) is not on PATH"
    ),
]

NOT_IN_IGNITION = ("inline", "local", "trees", "with_mount_unit", "variant", "version")
NOT_COMPARED = ("merge", "replace", "clevis")  # the first two hold configs; the last one is refused before Ignition
MOSTLY_SET = ("path", "name", "device", "format", "source", "level", "devices", "target")

UNITS = ["[Unit]\nA=1\n[Install]\nWantedBy=x\n", "[Unit", "[A]\nx", "[A] x", "", "[A]\nx=1\\\ny=2"]
SOURCES = [
    "", "http://h/p", "https://u@h/", "s3://b/k", "s3://b/k?versionId=", "arn:aws:s3:::b/k", "data:,x", "data:a,b",
    "data:;base64,eA==", "data:,a b", "data:text/plain;charset=utf-8,x", "ldap://h", "http://[", "http://a b", "rel",
]  # fmt: skip
TEXTS = {
    "path": ["/a", "/a/b", "/c", "/", "/a/", "rel", "", "/etc/systemd/system/a.service"],
    "device": ["/dev/a", "/dev/b", "", "rel", "/dev//a"],
    "devices": ["/dev/a", "/dev/b", "", "rel"],
    "format": ["ext4", "swap", "xfs", "", "foo", "btrfs", "vfat", "none"],
    "level": ["raid1", "linear", "0", "", "raid9"],
    "source": SOURCES,
    "http_proxy": SOURCES,
    "https_proxy": SOURCES,
    "hash": ["sha256-" + "0" * 64, "sha512-" + "0" * 128, "sha256-0", "sha1-", "x", ""],
    "contents": UNITS,
    "target": ["/a", "b", "", "../c"],
    "compression": ["", "gzip", "xz"],
    "label": ["a", "b", "x" * 14, "é" * 9, "x" * 37, "x" * 50, "a:b", ""],
    "guid": ["", "01234567-89AB-CDEF-EDCB-A98765432101", "0", "01234567-89AB-CDEF-EDCB-A98765432101\n"],
    "name": ["a.service", "a@.service", "a@b.service", "a.mount", "d.conf", "x", "a/b", ""],
}
OTHER_TEXTS = ["", "x", "y", "a b"]
NUMBERS = [0, 1, 2, 3, 5, 10, 420, 493, 2541, 4095, 4096, -1]


def random_object(struct: Structure, chance: random.Random) -> dict:
    """An object of the table with values that are right or nearly so."""
    obj = {}
    for field in fields_of(struct, OLDEST, Form.BUTANE):
        wanted = 0.75 if field.name in MOSTLY_SET else 0.3
        if field.name not in NOT_IN_IGNITION + NOT_COMPARED and chance.random() < wanted:
            value = [random_value(field, chance) for _ in range(chance.choice([1, 1, 2, 3]) if field.many else 1)]
            obj[field.name] = value if field.many else value[0]
    return obj


def random_value(field, chance: random.Random):
    if isinstance(field.type, Structure):
        return random_object(field.type, chance)
    if field.type is Scalar.BOOL:
        return chance.random() < 0.5
    return chance.choice(NUMBERS if field.type is Scalar.INT else TEXTS.get(field.name, OTHER_TEXTS))


def random_config(chance: random.Random) -> dict:
    """Few parts at a time, so that some configs are right."""
    section = chance.choice([field for field in CONFIG.fields if isinstance(field.type, Structure)])
    parts = random_object(section.type, chance)
    chosen = chance.sample(sorted(parts), min(len(parts), chance.choice([1, 1, 2, 3])))
    return {section.name: {name: parts[name] for name in chosen}}


def unchecked(source: dict) -> dict:
    """What is generated from a config, whether or not the rules accept it."""
    config = Decoder(OLDEST, Budget()).decode(CONFIG, source)
    Lowering(OLDEST, FilesDir(None), Budget()).lower(CONFIG, config)
    config.setdefault("ignition", {})["version"] = OLDEST.ignition
    return encode(CONFIG, config, OLDEST)


def ask_ignition(config: dict, path) -> tuple[bool, Counter]:
    """Whether it accepts the config, and its complaints."""
    path.write_text(dumps(config), encoding="utf-8")
    answer = subprocess.run([IGNITION_VALIDATE, path], capture_output=True, text=True, timeout=30, check=False)
    return answer.returncode == 0, Counter(
        re.findall(r"^error at [^:]+: (.*)", answer.stdout + answer.stderr, re.MULTILINE)
    )


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_ignition_agrees(seed, tmp_path):
    chance = random.Random(seed)
    accepted = 0
    for _config in range(CONFIGS):
        source = random_config(chance)
        result = translate({**source, "variant": "flatcar", "version": OLDEST.version})
        complaints = Counter(entry.message for entry in result.report.errors)
        assert ask_ignition(unchecked(source), tmp_path / "config.ign") == (result.config is not None, complaints), (
            source
        )
        accepted += result.config is not None
    assert 0 < accepted < CONFIGS, "the configs must not all be right, nor all wrong"


def test_ignition_accepts_generated_units(tmp_path):
    filesystems = [
        {"device": "/dev/a", "format": "ext4", "path": "/data", "with_mount_unit": True, "mount_options": ["ro"]},
        {"device": "/dev/b", "format": "swap", "with_mount_unit": True},
    ]
    source = {"variant": "flatcar", "version": OLDEST.version, "storage": {"filesystems": filesystems}}
    assert ask_ignition(translate(source).checked(), tmp_path / "config.ign") == (True, Counter())
