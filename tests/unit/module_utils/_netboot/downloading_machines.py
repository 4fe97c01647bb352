"""The machines of machines.py, which really download what they boot; a file that is too large for them they break off.

Run on a host of the room that has all of their addresses, with the collection on its path.
"""

from __future__ import annotations

import machines


class Downloading(machines.Machine):
    def _get(self, url, _whole):
        return super()._get(url, True)


if __name__ == "__main__":
    machines.Machine = Downloading
    machines.main()
