"""README.md as Galaxy shows it."""

from __future__ import annotations

import pathlib
import re

import archive
import readme
import yaml

ROOT = pathlib.Path(__file__).parents[3]
TARGET = re.compile(r"\]\(([^)]*)\)")
REPOSITORY = yaml.safe_load((ROOT / "galaxy.yml").read_text())["repository"]


def test_a_link_to_a_file_leads_to_the_repository_and_every_other_one_where_it_led():
    text = "[a](docs/a.md#b), [c](#c), [d](https://d.example/e.md) and ![f](g.svg)"
    assert readme.absolute(text, "https://h.example/i") == (
        "[a](https://h.example/i/blob/main/docs/a.md#b), [c](#c), [d](https://d.example/e.md) and "
        "![f](https://h.example/i/raw/main/g.svg)"
    )


def test_what_is_packed_has_no_link_that_is_relative(tmp_path):
    for name in ("galaxy.yml", "README.md"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    archive.lead_to_the_repository(tmp_path)
    before, after = (TARGET.findall((place / "README.md").read_text()) for place in (ROOT, tmp_path))
    assert len(before) == len(after) > 20
    assert all(target.startswith("https://") for target in after)
    assert f"{REPOSITORY}/raw/main/docs/images/demo.svg" in after
    assert f"{REPOSITORY}/blob/main/docs/boot-host.md#go-back" in after
