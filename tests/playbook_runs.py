"""ansible-playbook as tests run it: as people type it, or out of a process that has imported Ansible already.

Importing Ansible and the collection costs more than most runs of the tests do otherwise. A fork of a process that has imported both
reads its arguments, its inventory and its playbook like any other run, in a process of its own. What the command itself does is
tested with `typed`: once for each playbook at least, and compared with what the fork says.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

Run = subprocess.CompletedProcess[str]


def typed(*arguments: object, **environment: str) -> Run:
    """A run of the command ``ansible-playbook``, in the checkout."""
    return subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=_environment(environment),
        check=False,
    )


def forked(*arguments: object, **environment: str) -> Run:
    """The same out of a process that has everything imported; not for runs that are killed, or whose configuration is their own."""
    with tempfile.TemporaryDirectory(prefix="kindling-run-") as directory:
        status = _server(frozenset(_environment(environment).items())).run([*map(str, arguments)], Path(directory))
        output, errors = (Path(directory, name).read_text(encoding="utf-8") for name in ("output", "errors"))
    return subprocess.CompletedProcess([*arguments], status, output, errors)


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    own = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    # What pytest says of its present test would make each test an environment of its own
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"} | own | dict(more)


class _Server:
    """A process that has imported Ansible, with the environment in which it did: its configuration is read at import."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=dict(environment),
        )
        atexit.register(self.close)

    def close(self) -> None:
        """It ends by itself when we are killed, too: then its input ends."""
        self._process.stdin.close()
        self._process.wait()

    def run(self, arguments: list[str], directory: Path) -> int:
        """The exit status; what the run says is in files of the directory."""
        self._process.stdin.write(json.dumps({"arguments": arguments, "directory": str(directory)}) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@functools.cache
def _server(environment: frozenset[tuple[str, str]]) -> _Server:
    return _Server(dict(environment))


# The server's own process -------------------------------------------------------------------------------------------


def _serve() -> None:
    """Answer each line of the input with the exit status of its run."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asks ends us, also after Ctrl-C
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(nowhere, standard)
    sys.path[0] = str(ROOT)  # as `python -m` has it; a module beside this file is not one for Ansible
    _import()
    for line in iter(requests.readline, ""):
        process = os.fork()
        if process == 0:
            requests.close()
            answers.close()
            _be_the_command(**json.loads(line))
        _, status = os.waitpid(process, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()


def _import() -> None:
    """Everything that most runs import; nothing of it does anything by being imported."""
    import gc
    import importlib
    import pkgutil

    from ansible.plugins.loader import init_plugin_loader

    plugins = ("action.normal", "connection.local", "inventory.ini", "inventory.yaml", "shell.sh", "strategy.linear")
    for name in ("cli.playbook", *(f"plugins.{plugin}" for plugin in plugins)):
        importlib.import_module(f"ansible.{name}")
    init_plugin_loader()
    package = importlib.import_module("ansible_collections.kindling.flatcar.plugins.plugin_utils")
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    gc.freeze()  # what all runs share stays shared


def _be_the_command(arguments: list[str], directory: str) -> None:
    """Run ansible-playbook in this process, and end it."""
    import ansible.cli
    from ansible.cli.playbook import PlaybookCLI
    from ansible.utils.path import cleanup_tmp_file

    signal.signal(signal.SIGINT, signal.default_int_handler)
    for standard, name in ((1, "output"), (2, "errors")):
        file = os.open(Path(directory, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, standard)
        os.close(file)
    # The directory for temporary files is the server's: the modules that one run has packed are there for the next one
    atexit.unregister(cleanup_tmp_file)
    ansible.cli.init_plugin_loader = lambda *_paths: None  # the server has
    PlaybookCLI.cli_executor(["playbook", *arguments])


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        _serve()
