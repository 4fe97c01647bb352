"""What the roles' templates become, without a host: with the roles' own variables."""

from __future__ import annotations

from pathlib import Path

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLES = Path(__file__).parents[4] / "roles"


def rendered(role, template, **variables):
    """The template's text with the role's own defaults, overridden by *variables*."""
    loader = DataLoader()
    parts = [ROLES / role / part / "main.yml" for part in ("defaults", "vars")]
    own = [loader.load_from_file(str(part), trusted_as_template=True) or {} for part in parts if part.exists()]
    known = {**own[0], **(own[1] if own[1:] else {}), "ansible_managed": "test", **variables}
    text = (ROLES / role / "templates" / template).read_text(encoding="utf-8")
    templar = Templar(loader=loader, variables=known)
    return templar.template(trust_as_template(text))
