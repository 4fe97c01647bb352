"""How Sphinx builds the documentation: `make docs`.

Its source is the whole checkout, because a page is a file where it is read anyway: README.md of a role, of the inventories and
of the container, SECURITY.md. So each text is there once, and its links are right on a forge and on the site alike. That is why
the pages are Markdown: a forge and Galaxy show it, and a README is a page as it is.
"""

from __future__ import annotations

import pathlib
from typing import Any

import yaml
from docutils import nodes

ROOT = pathlib.Path(__file__).parent.parent
_GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))

project = "Kindling"
author = _GALAXY["authors"][0]
version = release = _GALAXY["version"]
html_title = f"Kindling {version}"

root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "roles/*/README.md",
    "inventories/README.md",
    "playbooks/README.md",
    "container/README.md",
    "tests/README.md",
    "tests/bench/README.md",
    "*.md",
]
exclude_patterns = [".*", "changelogs", "molecule", "tests/[!Rb]*", "docs/docsite", "README.md"]

extensions = ["myst_parser", "sphinx_antsibull_ext"]
myst_enable_extensions = ["attrs_block"]
myst_heading_anchors = 4  # as a forge makes them, so that a link to a heading is right there, too

html_theme = "furo"
html_extra_path = ["site"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "ansible"
highlight_language = "none"

# Ansible's own pages that those of plugins refer to. No inventory of that site is fetched: a build needs no network.
_ANSIBLE = "https://docs.ansible.com/ansible/latest/"
_LABELS = {
    "callback_plugins": "plugins/callback.html",
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}


def _outside(app: Any, env: Any, node: Any, content: nodes.Node) -> nodes.reference | None:
    """The link to a label of Ansible's own pages."""
    page = _LABELS.get(node.get("reftarget"))
    return nodes.reference("", "", content, refuri=_ANSIBLE + page) if page else None


def setup(app: Any) -> None:
    app.connect("missing-reference", _outside)
