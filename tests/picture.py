#!/usr/bin/env python3
"""Draws a terminal with what a run printed: ``python3 tests/picture.py`` makes each ``docs/images/NAME.svg`` out of ``NAME.txt``.

The same text gives the same bytes. A line that begins with ``$`` is what somebody typed.
"""

from __future__ import annotations

import pathlib
from xml.sax.saxutils import escape

IMAGES = pathlib.Path(__file__).parent.parent / "docs" / "images"

_CHARACTER, _LINE, _MARGIN, _BAR = 8, 18, 16, 28
_BUTTONS = ("#ff5f57", "#febc2e", "#28c840")


def picture(text: str, title: str) -> str:
    """*text* as an SVG. Each line has its length said, so that columns stay columns in whatever font a reader has."""
    lines = text.rstrip("\n").split("\n")
    width = round(max(map(len, lines)) * _CHARACTER + 2 * _MARGIN)
    height = _BAR + len(lines) * _LINE + 2 * _MARGIN
    buttons = "".join(
        f'<circle cx="{_MARGIN + 4 + 18 * at}" cy="{_BAR // 2}" r="5" fill="{colour}"/>'
        for at, colour in enumerate(_BUTTONS)
    )
    rows = "".join(_row(line, _BAR + _MARGIN + _LINE * (at + 1) - 5) for at, line in enumerate(lines) if line)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="monospace" font-size="13" role="img">\n'
        f"<title>{escape(title)}</title>\n"
        f'<rect width="{width}" height="{height}" rx="8" fill="#1d1f21"/>{buttons}\n'
        f'<g fill="#d5d8d6" xml:space="preserve">\n{rows}</g>\n'
        "</svg>\n"
    )


def _row(line: str, y: int) -> str:
    shown = line.lstrip(" ")
    x = round(_MARGIN + (len(line) - len(shown)) * _CHARACTER, 1)
    length = round(len(shown) * _CHARACTER, 1)
    typed = ' fill="#8fd18f"' if shown.startswith("$") else ""
    return f'<text x="{x:g}" y="{y}" textLength="{length:g}" lengthAdjust="spacingAndGlyphs"{typed}>{escape(shown)}</text>\n'


def pictures() -> dict[pathlib.Path, str]:
    """Each picture that there has to be, by its file."""
    return {
        source.with_suffix(".svg"): picture(text, text.partition("\n")[0].lstrip("$ "))
        for source in sorted(IMAGES.glob("*.txt"))
        if (text := source.read_text(encoding="utf-8"))
    }


if __name__ == "__main__":
    for path, svg in pictures().items():
        path.write_text(svg, encoding="utf-8")
