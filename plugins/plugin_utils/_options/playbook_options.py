# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of one run of a playbook, given with ``-e``: one table, a row per option.

An option begins with its playbook's name, and is read from the command line alone: no variable of an inventory is taken for one.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.parsing.dataloader import DataLoader
from ansible.utils.vars import load_extra_vars
from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.dhcp_options import SERVERS
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema import words

_LONGEST_SHOWN = 80


@dataclass(frozen=True)
class Option:
    """One option: how its value is read, what it is for, and its default.

    ``former`` are names that ``-e`` accepted before, and that now belong to the inventory. ``variable`` is the variable that the
    playbook sets from it: a role's, which is the collection's own name wherever it appears.
    """

    name: str
    read: Callable[[Any], Any]
    doc: str
    default: Any = None
    former: tuple[str, ...] = ()
    variable: str = ""

    def names(self) -> tuple[str, ...]:
        """The options of the collection."""
        return (self.name, self.variable) if self.variable else (self.name,)


# Readers: ``-e NAME=VALUE`` gives strings, ``-e '{"NAME": VALUE}'`` and ``-e @FILE`` give anything ------------------------------


def _truth(value: Any) -> bool:
    try:
        return boolean(value)
    except TypeError:
        raise ValueError("expected true or false") from None


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str) or not re.fullmatch(r"-?[0-9]{1,15}", str(value)):
        raise ValueError("expected a whole number")
    return int(value)


def _percentage(value: Any) -> float:
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,3}(\.[0-9]+)?", text) or float(text) > 100:
        raise ValueError("expected a number from 0 to 100")
    return float(text)


#: Seconds of each unit, by its letter.
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def _span(value: Any) -> int:
    found = re.fullmatch(r"([0-9]{1,7})([smhdw]?)", str(value))
    if isinstance(value, bool) or not found or int(found[1]) == 0:
        raise ValueError("expected a time such as 30m, 6h, 2d or 3w")
    return int(found[1]) * _UNITS[found[2]]


def _line(value: Any) -> str:
    return words.read("line", value)


def _word(kind: str) -> Callable[[Any], str]:
    return lambda value: words.read(kind, str(value) if isinstance(value, int) else value)


def _choice(*choices: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"expected {', '.join(choices[:-1])} or {choices[-1]}")
        return str(value)

    return read


def _names(value: Any) -> list[str]:
    """A list, or one string with commas."""
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        raise ValueError("expected names separated by commas")
    return [words.read("host", item.strip() if isinstance(item, str) else item) for item in items]


def _batches(value: Any) -> list[int | str]:
    """Sizes as a play's ``serial`` accepts them."""
    sizes = value if isinstance(value, list | tuple) else [value]
    if not sizes or any(isinstance(size, bool) or not re.fullmatch(r"[1-9][0-9]{0,8}%?", str(size)) for size in sizes):
        raise ValueError(
            """expected a number, a percentage, or a list of them such as '{"install_batch": [1, 10, 50]}'"""
        )
    return [str(size) if str(size).endswith("%") else int(size) for size in sizes]


# The table ---------------------------------------------------------------------------------------------------------------------


def _printed(playbook: str) -> tuple[Option, Option]:
    return (
        Option(
            f"{playbook}_format",
            _choice("text", "json"),
            "how the result is printed: `text` or `json`",
            "text",
            ("format",),
        ),
        Option(
            f"{playbook}_output",
            _line,
            "a file on the controller to write it to, instead of printing it",
            None,
            ("output",),
        ),
    )


OPTIONS: Mapping[str, tuple[Option, ...]] = {
    "site": (
        Option(
            "site_older",
            _truth,
            "publish from a checkout of the inventory that is older than what is served",
            False,
            variable="fleet_older",
        ),
        Option(
            "site_hold",
            _truth,
            "after a rollback: `false` ends the hold and publishes, `true` keeps what is served and does the rest",
            variable="fleet_hold",
        ),
        Option(
            "site_unasked",
            _names,
            "boot hosts outside the run that are not asked whether nodes are armed there, because they are gone",
            [],
            variable="fleet_unasked",
        ),
    ),
    "install": (
        Option("install_batch", _batches, "how many nodes at a time; the last number is repeated", [1, 10, 50]),
        Option(
            "install_max_fail_percentage",
            _percentage,
            "the percentage of a batch that may fail; beyond it, no further batch is started",
            0,
        ),
        Option("install_expires", _integer, "for how many seconds nodes are armed, from 60 to 86400", 7200),
        Option(
            "install_again", _truth, "start over where an installation was started, not finished and given up", False
        ),
        Option(
            "install_new_disk",
            _truth,
            "install although the disk in the slot (`by-path`) is not the one that the last installation found there",
            False,
        ),
        Option(
            "install_without_peer",
            _truth,
            "do not notify the other boot host of a pair, which is down: it may boot half-written disks",
            False,
        ),
        Option("install_timeout", _integer, "how many seconds to wait for a batch", 2700),
        Option("install_wait", _truth, "`false`: arm and exit, without waiting", True),
        Option(
            "install_power",
            _truth,
            "`false`: restart no machine; something else makes them boot from the network",
            True,
        ),
        Option(
            "install_all",
            _truth,
            "needed to install every node: without `--limit`, or if a pattern, a group or an empty variable in it amounts to all",
            False,
        ),
    ),
    "disarm": (
        Option(
            "disarm_machines",
            _names,
            "machines that are not in the inventory (any more), by name, MAC address or address",
            [],
            ("machines",),
        ),
        Option(
            "disarm_forget",
            _truth,
            "let a machine whose disk is half-written boot from its disk again",
            False,
            ("forget",),
        ),
        Option(
            "disarm_all",
            _truth,
            "needed to end all armings: without `--limit`, or if a pattern, a group or an empty variable in it amounts to all",
            False,
        ),
    ),
    "rollback": (
        Option(
            "rollback_generation",
            _word("generation"),
            "the generation's name or its beginning; the previous one when not given",
            former=("generation",),
            variable="fleet_generation",
        ),
        Option(
            "rollback_list",
            _truth,
            "list the generations, who published them, from which commit, and what they changed; change nothing",
            False,
            ("list",),
            "fleet_list",
        ),
    ),
    "new": (
        Option(
            "new_inventory",
            _line,
            "the folder of the inventory; asked for when not given, as is all that has no default",
        ),
        Option("new_boot_host", _line, "the boot host's name in the inventory", "boot-a"),
        Option("new_reached_at", _line, "the boot host's name or address, as SSH reaches it"),
        Option("new_user", _line, "the user that logs in there and may become root"),
        Option("new_interface", _line, "its interface on the rack's network"),
        Option("new_subnet", _line, "that network, such as `10.10.0.0/24`"),
        Option("new_gateway", str, "the router that machines are given; none when empty"),
        Option(
            "new_mode",
            _choice("authoritative", "proxy", "none"),
            "whether another DHCP server is there: `proxy` if it gives the addresses, `none` if it is told everything",
        ),
        Option("new_rack", _line, "the rack's name", "rack-a"),
        Option("new_key_file", _line, "the file with the SSH public key that logs in to the machines"),
        Option(
            "new_machines",
            _line,
            "the machines, as `NAME,MAC[,ADDRESS[,DISK]]` with semicolons or blanks between them, or the path of a CSV file",
        ),
    ),
    "status": _printed("status"),
    "journey": (
        *_printed("journey"),
        Option(
            "journey_since",
            _span,
            "all boots of the last `30m`, `6h`, `2d` or `3w`; the last boot, whenever it was, when not given",
            0,
        ),
        Option("journey_follow", _truth, "show machines live, a line for each hop, until they run", False),
        Option("journey_timeout", _integer, "for how many seconds machines are followed", 3600),
        Option(
            "journey_log",
            _line,
            "a file on the boot host to read in place of the journal: the log of its container, from `podman logs --timestamps`",
        ),
    ),
    "explain": (
        Option(
            "explain_format",
            _choice("text", "json", "butane", "ignition"),
            "how it is printed: `text`, `json`, or the plain `butane` or `ignition` config, with its secrets",
            "text",
            ("format",),
        ),
        _printed("explain")[1],
    ),
    "validate": (
        *_printed("validate"),
        Option(
            "validate_cross_check", _truth, "`false`: run no other programs on the controller", True, ("cross_check",)
        ),
    ),
    "acceptance": (
        *_printed("acceptance"),
        Option(
            "acceptance_host",
            _names,
            "the inventory host to test from; `localhost` is the controller. The group `acceptance_hosts` when "
            "not given",
        ),
        Option(
            "acceptance_interface",
            _word("interface"),
            "that host's interface, if it has no address on the rack's network",
        ),
        Option("acceptance_all", _truth, "test every node, not one of each kind", False),
    ),
    "dhcp_options": (
        Option(
            "dhcp_options_server",
            _choice(*SERVERS),
            f"print it for one server alone: {', '.join(f'`{name}`' for name in SERVERS)}",
            former=("dhcp_server",),
            variable="dnsmasq_other_server",
        ),
    ),
}

#: Former values that chose a playbook's nodes, and what replaces them; ``{}`` is the value. The first row that fits counts.
_FORMER_CHOICES: Mapping[str, tuple[tuple[str, str | None, str], ...]] = {
    "status": (("nodes", None, "--limit {}"),),
    "explain": (("node", None, "--limit {}"),),
    "acceptance": (
        ("acceptance_nodes", "all", "-e acceptance_all=true"),
        ("acceptance_nodes", "few", "the default"),
        ("acceptance_nodes", None, "--limit {}"),
    ),
}

#: Where Ansible puts what follows a blank in ``-e NAME=VALUE``; nothing reads it.
_LEFT_OVER = "_raw_params"

#: Playbooks that do more, or something else, if an intended option is missing: it has to be given before anything is done.
_REFUSING = frozenset({"site", "install", "rollback"})


# What was given -----------------------------------------------------------------------------------------------------------------


def given(loader: DataLoader) -> Mapping[str, Any]:
    """All variables of ``-e``, as they are written."""
    return load_extra_vars(loader)


def values(playbook: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of all options of a playbook, by name. Raises ``ValueError`` with everything that cannot be read."""
    read, wrong = {}, []
    for option in OPTIONS[playbook]:
        read[option.name] = option.default
        if option.name in given:
            try:
                read[option.name] = option.read(given[option.name])
            except ValueError as error:
                wrong.append(f"{_said(option.name, given[option.name])}: {error}")
    if wrong:
        raise ValueError("\n".join(wrong))
    return read


def unknown(playbook: str, given: Iterable[str]) -> list[str]:
    """Those names that look like options of the playbook, and are not."""
    known = {option.name for option in OPTIONS[playbook]} | set(_former(playbook))
    return [name for name in given if name.startswith(f"{playbook}_") and name not in known]


def mistakes(playbook: str, given: Mapping[str, Any], own: Collection[str] = ()) -> list[str]:
    """What is wrong with what was given: a sentence each. *own* are names that the inventory has, whatever they look like."""
    former = _former(playbook)
    found = [f"{_said(name, given[name])} is now {former[name](given[name])}" for name in given if name in former]
    found += [_not_an_option(playbook, name) for name in unknown(playbook, given) if name not in own]
    try:
        values(playbook, given)
    except ValueError as error:
        found += str(error).splitlines()
    if str(given.get(_LEFT_OVER, "")).strip():
        # Not quoted: it may be the end of a password
        found.append(
            "-e has words that belong to no variable, since a value ends at its first blank. Quote it twice, "
            """-e 'NAME="A B"', or write JSON, -e '{"NAME": "A B"}'"""
        )
    return found


def not_obeyed(playbook: str, given: Mapping[str, Any], stated: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each option that is set in the inventory and was not given: *stated* has the places, by name."""
    for option in OPTIONS[playbook]:
        for name in option.names():
            if name in stated and option.name not in given:
                yield (
                    f"{stated[name]}: {name} has no effect in the inventory: remove it, and pass -e {option.name}=… to each run of "
                    f"{playbook}.yml that it is intended for"
                )


def refuses(playbook: str) -> bool:
    """Whether an option that is set in the inventory stops the playbook."""
    return playbook in _REFUSING


def names(playbook: str) -> set[str]:
    """All names of the collection that have no effect if set in an inventory."""
    return {name for option in OPTIONS[playbook] for name in option.names()}


def _former(playbook: str) -> dict[str, Callable[[Any], str]]:
    """What replaces a former name and its value."""
    found: dict[str, Callable[[Any], str]] = {}
    for option in OPTIONS[playbook]:
        for name in (*option.former, *option.names()[1:]):
            found[name] = lambda value, now=option.name: _said(now, value)
    for name, _new, _sentence in _FORMER_CHOICES.get(playbook, ()):
        found[name] = lambda value, name=name: _choice_now(playbook, name, value)
    return found


def _choice_now(playbook: str, name: str, value: Any) -> str:
    rows = (row for row in _FORMER_CHOICES[playbook] if row[0] == name and row[1] in (value, None))
    return next(rows)[2].format(_shown(value) or "…")


def _not_an_option(playbook: str, name: str) -> str:
    known = [option.name for option in OPTIONS[playbook]]
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = f"the nearest is {nearest[0]}" if nearest else f"it has {', '.join(known)}"
    return f"-e {words.visible(name)} is not an option of {playbook}.yml; {hint}"


def _said(name: str, value: Any) -> str:
    shown = _shown(value)
    return f"-e {name}={shown}" if shown is not None else f"-e {name}"


def _shown(value: Any) -> str | None:
    """As it is typed, if it is short and one line."""
    if isinstance(value, bool):
        return str(value).lower()
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    if isinstance(value, Mapping) or value is None or len(text) > _LONGEST_SHOWN or words.has_control(text):
        return None
    return shlex.quote(text) if text else ""


__all__ = ("OPTIONS", "Option", "given", "mistakes", "names", "not_obeyed", "refuses", "unknown", "values")
