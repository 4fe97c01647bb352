"""Nodes, and what is wrong with their final configs."""

from __future__ import annotations

import pytest

RIGHT = {"flatcar_rack": "a", "flatcar_mac": "52:54:00:aa:bb:01", "flatcar_address": "10.1.0.11"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEtpbmRsaW5nIHRlc3Qga2V5OiBvcGVucyBub3RoaW5n"


def _node(variables):
    # Not at the top: the collection can be imported only once pytest is configured
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import read_node

    found, problems = read_node("n1", {**RIGHT, **variables})
    assert problems == []
    return found


@pytest.fixture(scope="session")
def wrong():
    """The problems of a node with a fragment, each as its path and its message."""

    from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.config import build_config

    def problems(butane=None, files_dir=None, **variables):
        given = {f"flatcar_{name}": value for name, value in variables.items()}
        node = _node(given | ({"flatcar_butane": butane} if butane else {}))
        return [(problem.path, problem.message) for problem in build_config(node, files_dir)[1]]

    return problems


@pytest.fixture(scope="session")
def told():
    """What people should know of a node: the path, the message, and whether it is a placeholder."""

    from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.config import build_config, remarks_on

    def remarks(butane=None, **variables):
        given = {f"flatcar_{name}": value for name, value in variables.items()}
        node = _node(given | ({"flatcar_butane": butane} if butane else {}))
        config, problems = build_config(node)
        assert problems == []
        return [(problem.path, problem.message, placeholder) for problem, placeholder in remarks_on(node, config)]

    return remarks


@pytest.fixture(scope="session")
def key():
    return KEY
