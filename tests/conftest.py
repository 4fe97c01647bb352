"""Makes this checkout importable as ``ansible_collections.kindling.flatcar``, wherever it lies, and has the switch for long runs.

Ansible's loader has to be set up before anything imports the collection, so this happens when pytest is configured.
"""

from __future__ import annotations

import os
import pathlib
import sys
import tempfile

import repetition
from ansible.plugins.loader import init_plugin_loader
from hypothesis import HealthCheck, settings

ROOT = pathlib.Path(__file__).resolve().parent.parent

# How long an example takes says how busy the machine is. The short run has the same examples each time: what fails was broken by
# a change and not by luck. The long one has new ones each time, and remembers in .hypothesis those that failed
_any_machine = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]}
settings.register_profile("few", max_examples=40, derandomize=True, database=None, **_any_machine)
settings.register_profile("many", max_examples=3000, print_blob=True, **_any_machine)


def pytest_addoption(parser):
    parser.addoption(
        "--long", action="store_true", help=f"repeat what proves a `never` many times ({repetition.SWITCH}=1)"
    )


def pytest_configure(config):
    if config.getoption("--long"):
        os.environ[repetition.SWITCH] = "1"
    settings.load_profile(repetition.repetitions("few", "many"))
    _keep_bytecode()
    tree = tempfile.TemporaryDirectory(prefix="kindling-collections-")
    config.add_cleanup(tree.cleanup)
    namespace = pathlib.Path(tree.name, "ansible_collections", "kindling")
    namespace.mkdir(parents=True)
    (namespace / "flatcar").symlink_to(ROOT, target_is_directory=True)
    init_plugin_loader([tree.name])


def _keep_bytecode():
    """Also where the machine is set up not to: hundreds of processes would each compile the collection."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
