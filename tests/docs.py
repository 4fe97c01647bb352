#!/usr/bin/env python3
"""Writes the tables of variables and options, which are code, into the pages and the schema that document them.

python3 tests/docs.py
"""

from __future__ import annotations

import json
import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).parent.parent
PAGES = (ROOT / "inventories" / "README.md", ROOT / "playbooks" / "README.md")
PLACES = re.compile(r"(?P<begin><!-- (?P<name>\w+) -->\n)(?P<table>.*?)(?P<end><!-- /(?P=name) -->)", re.DOTALL)


SCHEMA = ROOT / "docs" / "inventory.schema.json"


def schema() -> str:
    """A JSON schema of all variables, for editors."""
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.networks import NETWORK, VARIABLE
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import FRAGMENT, NODE
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema import json_schema

    network = json_schema.schema_of_rows(NETWORK) | {"additionalProperties": False}
    others = {VARIABLE: {"description": "the networks of a boot host", "type": "array", "items": network}}
    for path in sorted((ROOT / "roles").glob("*/meta/argument_specs.yml")):
        if path.parts[-3] != "common":
            options = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]["main"].get("options", {})
            others |= {name: _of_role(option) for name, option in options.items() if name not in others}
    return json.dumps(json_schema.schema(NODE, others, FRAGMENT.pattern), indent=1, ensure_ascii=False) + "\n"


def _of_role(option: dict) -> dict:
    said = option.get("description", "")
    description = said if isinstance(said, str) else " ".join(said)
    kinds = {"bool": "boolean", "int": "integer", "list": "array", "dict": "object", "float": "number"}
    kind = kinds.get(option.get("type", "str"), "string")
    return {
        "description": re.sub(r"\b[A-Z]\(([^)]*)\)", r"\1", " ".join(description.split())),
        **({"default": option["default"]} if "default" in option else {}),
        **({"enum": option["choices"]} if "choices" in option else {"type": sorted({kind, "string"})}),
    }


def tables() -> dict[str, str]:
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.networks import NETWORK
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import NODE
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._options.playbook_options import OPTIONS
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.fields import rows_of

    def below(rows, prefix=""):
        for row in rows:
            inner = rows_of(row.read)
            yield prefix + row.name, row
            yield from below(inner, f"{prefix}{row.name}.")

    def options(field):
        return f"Each of `{field.name}` has:\n\n{_table('option', below(rows_of(field.read)))}"

    return {
        "networks": _table("option", below(NETWORK)),
        "nodes": _table("variable", ((field.name, field) for field in NODE)),
        "options": "\n".join(options(field) for field in NODE if rows_of(field.read)),
        "playbook_options": "\n".join(_playbook(name, rows) for name, rows in OPTIONS.items()),
    }


def _playbook(name: str, rows) -> str:
    lines = [f"| `-e {row.name}=…` | {_chosen(row.default)} | {row.doc} |" for row in rows]
    return "\n".join([f"`{name}.yml`\n", "| option | default | meaning |", "| --- | --- | --- |", *lines]) + "\n"


def _chosen(default) -> str:
    return "" if default is None or default == [] else f"`{json.dumps(default).strip(chr(34))}`"


def _table(what: str, rows) -> str:
    lines = [f"| `{name}` | {_default(field)} | {field.doc} |" for name, field in rows]
    return "\n".join([f"| {what} | default | meaning |", "| --- | --- | --- |", *lines]) + "\n"


def _default(field) -> str:
    if field.required:
        return "needed"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return f"`{field.default}`" if isinstance(field.default, str | int) else ""


def current() -> dict[str, str]:
    """The tables as the pages have them now."""
    return {
        found["name"]: found["table"] for page in PAGES for found in PLACES.finditer(page.read_text(encoding="utf-8"))
    }


def updated(page: str) -> str:
    made = tables()
    return PLACES.sub(lambda found: found["begin"] + made[found["name"]] + found["end"], page)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / ".ansible" / "collections"))
    for page in PAGES:
        page.write_text(updated(page.read_text(encoding="utf-8")), encoding="utf-8")
    SCHEMA.write_text(schema(), encoding="utf-8")
