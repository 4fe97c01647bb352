"""Files and values are those that Ansible itself has of them."""

from __future__ import annotations

import itertools
import pathlib
import tempfile

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.utils.yaml import from_yaml
from ansible.plugins.inventory.ini import InventoryModule
from ansible_collections.kindling.flatcar.plugins.plugin_utils._files import ini
from ansible_collections.kindling.flatcar.plugins.plugin_utils._files.documents import meaning, read
from ansible_collections.kindling.flatcar.plugins.plugin_utils._files.layout import HOST, Rules, layout
from hypothesis import given
from hypothesis import strategies as st

NAMES = ["n1", "n1.yml", "n1.yaml", "n1.json", "n1.txt", ".n1.yml", "n1~", "n1.yml~", "n2.yml", "n1.d"]
INSIDE = ["a.yml", "b.json", "c", "d.txt", ".e.yml", "f~", "g/h.yml", "i.d/j.yml", "k/l/m"]


@given(st.lists(st.sampled_from(NAMES), unique=True), st.lists(st.sampled_from(INSIDE), unique=True), st.booleans())
def test_the_files_of_a_host_are_those_that_ansible_finds(names, inside, beside_file):
    with tempfile.TemporaryDirectory() as folder:
        base = pathlib.Path(folder).resolve()
        (base / "host_vars").mkdir()
        (base / "hosts").touch()
        for name in names:
            if name == "n1" and inside:
                for inner in inside:
                    (base / "host_vars" / "n1" / inner).parent.mkdir(parents=True, exist_ok=True)
                    (base / "host_vars" / "n1" / inner).touch()
            else:
                (base / "host_vars" / name).touch()
        given_as = str(base / "hosts") if beside_file else str(base)
        found = [str(s.file) for s in layout([given_as], None, Rules()).sources if (s.kind, s.owner) == (HOST, "n1")]
        assert found == DataLoader().find_vars_files(str(base / "host_vars"), "n1")


@given(st.text(st.sampled_from("0123456789:.-+_eExXobnyYsSoOfFtTrRuUlL~ ")))
def test_a_plain_value_means_what_ansible_makes_of_it(text):
    try:
        loaded = from_yaml(f"a: {text}\n")["a"]
        node = read("x", f"a: {text}\n").root.value[0][1]
    except Exception:  # noqa: BLE001  # it is no value
        return
    if not isinstance(node, yaml.ScalarNode):
        return
    made = meaning(node)
    assert made == loaded or (made != made and loaded != loaded)
    assert isinstance(loaded, type(made))


@pytest.mark.parametrize(
    ("words", "quote"),
    list(
        itertools.product(
            [
                "1.30",
                "0123",
                "1_000",
                "0x1F",
                "True",
                "true",
                "None",
                "[1.30, 'a']",
                "{'a': 1}",
                "a b",
                "a#b",
                "'a'",
                "10.0.0.1",
            ],
            ["", '"'],
        )
    ),
)
def test_a_value_of_an_ini_inventory_means_what_ansible_makes_of_it(tmp_path, words, quote):
    from ansible.inventory.data import InventoryData

    text = f"[nodes]\nn1 flatcar_x={quote}{words}{quote}\n[nodes:vars]\nflatcar_y={words}\n"
    (tmp_path / "hosts").write_text(text)
    data = InventoryData()
    try:
        InventoryModule().parse(data, DataLoader(), str(tmp_path / "hosts"))
    except Exception:  # noqa: BLE001  # it is none
        return
    loaded = {"flatcar_x": data.get_host("n1").vars["flatcar_x"], "flatcar_y": data.groups["nodes"].vars["flatcar_y"]}
    found = {one.key.value: one.value for one in ini.read(text) if isinstance(one, ini.Assignment)}
    for name, value in loaded.items():
        if isinstance(value, list | dict):
            assert not isinstance(found[name], yaml.ScalarNode)
            assert len(found[name].value) == len(value)
        else:
            assert meaning(found[name]) == value
