"""What is written for other programs."""

from __future__ import annotations

import os
import stat
import threading

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible_collections.kindling.flatcar.plugins.plugin_utils._output.output import as_yaml, write_private
from hypothesis import given
from hypothesis import strategies as st

VALUES = st.recursive(
    st.booleans() | st.integers() | st.text(st.characters(blacklist_categories=("Cs", "Cc"))) | st.just("a\nb\n"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_yaml_reads_back_as_it_was(value):
    assert yaml.safe_load(as_yaml(value)) == value


def test_text_of_several_lines_is_a_block():
    assert as_yaml({"inline": "a\nb\n"}) == "inline: |\n  a\n  b\n"


def test_a_file_is_for_its_owner_alone(tmp_path):
    path = tmp_path / "config"
    path.write_text("before")
    path.chmod(0o644)
    write_private(str(path), "{}\n")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("{}\n", 0o600)


def test_a_pipe_is_written_to_as_it_is(tmp_path):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe, 0o640)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_private(str(pipe), "{}\n")
    reader.join(60)
    assert (read, stat.S_IMODE(pipe.stat().st_mode)) == (["{}\n"], 0o640)


def test_where_nothing_can_be_written_is_an_error(tmp_path):
    with pytest.raises(AnsibleActionFail, match="cannot write the output"):
        write_private(str(tmp_path / "nowhere" / "config"), "{}\n")
