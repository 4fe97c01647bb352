"""README.md as Galaxy shows it: on a page of its own, where what is relative leads nowhere."""

from __future__ import annotations

import re

_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>(?![a-z]+:|#)[^)\s]+)\)")


def absolute(text: str, repository: str) -> str:
    """*text* with its links to files of the checkout made links to the *repository*'s."""

    def lead(found: re.Match[str]) -> str:
        kind = "raw" if found["image"] else "blob"
        return f"{found['image']}[{found['text']}]({repository}/{kind}/main/{found['target']})"

    return _LINK.sub(lead, text)
