"""Makes this checkout importable as ``ansible_collections.kindling.flatcar``, wherever it lies.

Ansible's loader has to be set up before anything imports the collection, so this happens when pytest is configured.
"""

from __future__ import annotations

import pathlib
import tempfile

import pytest
from ansible.plugins.loader import init_plugin_loader

#: Tests that start servers and programs, or try thousands of examples: `make test-fast` leaves them out.
SLOW = {
    "test_against_ignition",
    "test_answers",
    "test_collection",
    "test_failover",
    "test_faults",
    "test_install",
    "test_live",
    "test_install_script",
    "test_live_probe",
    "test_module",
    "test_nginx",
    "test_playbooks",
    "test_power",
    "test_properties",
    "test_service",
    "test_transfer",
}

ROOT = pathlib.Path(__file__).resolve().parent.parent


def pytest_configure(config):
    tree = tempfile.TemporaryDirectory(prefix="kindling-collections-")
    config.add_cleanup(tree.cleanup)
    namespace = pathlib.Path(tree.name, "ansible_collections", "kindling")
    namespace.mkdir(parents=True)
    (namespace / "flatcar").symlink_to(ROOT, target_is_directory=True)
    init_plugin_loader([tree.name])


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.stem in SLOW:
            item.add_marker(pytest.mark.slow)
