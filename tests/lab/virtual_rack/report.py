"""What a boot came to, for people (a table) and for tests (JSON)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from .nodes import FIRMWARES, Node

HEADINGS = ("NODE", "MAC", "FIRMWARE", "ADDRESS", "IMAGE", "SECONDS", "VERDICT")


@dataclass
class Result:
    """How it went for one node."""

    name: str
    mac: str
    firmware: str
    address: str | None
    """The address that it got, read in the boot host's log."""
    version: str | None
    """The image's version, read in the machine."""
    stage: str
    """The last stage that it reached."""
    verdict: str
    """``ok`` or ``failed``."""
    reason: str
    """Why it failed, in one line; what was checked when it did not."""
    seconds: float | None
    """From power-on to a system with its config applied."""
    stages: dict[str, float] = field(default_factory=dict)
    addresses: dict[str | None, str] = field(default_factory=dict)
    """The last address of each of its network cards, by MAC address."""
    disk_starts: list[str] = field(default_factory=list)
    """What the boot loader on its disk said, each time that it was started."""
    differences: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    """What the boot host's logs and the serial console tell about a failure."""


def checked(node: Node) -> str:
    """What was read back in a node that is as it should be."""
    parts = [
        "hostname" if node.hostname is not None else "",
        f"{len(node.users)} user{'s' * (len(node.users) != 1)}" if node.users else "",
        f"{len(node.files)} file{'s' * (len(node.files) != 1)}" if node.files else "",
    ]
    return "read back: " + (", ".join(part for part in parts if part) or "image version")


def verdict(result: Result) -> str:
    """The verdict in words."""
    if result.verdict == "ok":
        return f"booted ({result.reason})"
    return "FAILED: not as expected" if result.differences else f"FAILED at {result.stage}"


def table(results: list[Result]) -> str:
    """One row per node, columns as wide as they must be."""
    rows = [HEADINGS]
    for each in results:
        seconds = "-" if each.seconds is None else f"{each.seconds:.1f}"
        rows.append((
            each.name, each.mac, FIRMWARES[each.firmware], each.address or "-", each.version or "-", seconds, verdict(each),
        ))  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def explanations(results: list[Result]) -> str:
    """What there is to say about the nodes that failed."""
    blocks = []
    for each in results:
        if each.verdict != "ok":
            lines = [
                f"{each.name}: {each.reason}"
                if each.differences
                else f"{each.name} stopped at {each.stage}: {each.reason}"
            ]
            lines += [f"  {line}" for text in (*each.differences, *each.evidence) for line in text.splitlines()]
            blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def as_json(rack: str, boot_host: str, results: list[Result]) -> dict[str, object]:
    """The report for programs."""
    return {
        "rack": rack,
        "boot_host": boot_host,
        "ok": all(each.verdict == "ok" for each in results),
        "nodes": [asdict(each) for each in results],
    }
