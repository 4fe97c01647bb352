"""Gates are there as long as what keeps them runs, and no longer, however it ends."""

from __future__ import annotations

import os
import signal
import stat
import time

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._arming.gates import (
    S6,
    GateError,
    Gates,
    Systemd,
    new_batch,
)

#: s6-svscan in a nutshell: what is new is run, and finished when it has ended.
SVSCANCTL = """\
#!/bin/sh
for service in "$2"/*; do
  [ -e "$service/seen" ] && continue
  touch "$service/seen"
  (cd "$service" && { ./run & echo $! >pid; wait $!; ./finish; }) >/dev/null 2>&1 &
done
"""


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Programs that stand in for the real ones, by their names."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def write(name, text):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)

    return write


@pytest.fixture
def s6(tmp_path, commands):
    commands("s6-svscanctl", SVSCANCTL)
    commands("s6-svc", '#!/bin/sh\nkill "$(cat "$2/pid")"\n')
    (tmp_path / "services").mkdir()
    return S6(tmp_path / "services", tmp_path / "live", os.getgid())


def test_under_s6_gates_go_when_their_process_ends(s6):
    gates = Gates(s6.live, s6)
    batch = new_batch(3600)
    gates.open(batch, ["a", "b"])
    assert gates.tokens() == {"a", "b"}
    assert gates.place(batch, "a").is_file()
    assert stat.S_IMODE((s6.live / batch).stat().st_mode) == 0o750
    (pid,) = [(service / "pid").read_text() for service in s6.services.iterdir()]
    os.kill(int(pid), signal.SIGKILL)
    until(lambda: not list(s6.live.iterdir()))
    assert gates.tokens() == set()


def test_under_s6_gates_go_when_their_time_is_over(s6):
    s6.start(new_batch(1))
    until(lambda: not list(s6.live.iterdir()))


def test_under_s6_what_is_over_is_cleared_away(s6):
    gates = Gates(s6.live, s6)
    gates.open(new_batch(3600), ["a"])
    gates.close(["a"])
    assert (gates.tokens(), list(s6.live.iterdir()), list(s6.services.glob("kindling-*"))) == (set(), [], [])


def test_one_gate_of_a_batch_is_closed_by_itself(s6):
    gates = Gates(s6.live, s6)
    gates.open(new_batch(3600), ["a", "b"])
    gates.close(["a"])
    assert gates.tokens() == {"b"}
    gates.close(["b"])


def test_where_nothing_keeps_a_gate_none_is_opened(tmp_path, commands):
    commands("systemctl", "#!/bin/sh\necho Unit not found. >&2; exit 5\n")
    gates = Gates(tmp_path / "live", Systemd())
    with pytest.raises(GateError, match=r"systemctl start kindling-armed@60-\S+ failed: Unit not found"):
        gates.open(new_batch(60), ["a"])
    commands("systemctl", "#!/bin/sh\n")  # it says that it has started, and the directory is not there
    with pytest.raises(GateError, match="the process that kept it was ended"):
        gates.open(new_batch(60), ["a"])
    assert gates.tokens() == set()
