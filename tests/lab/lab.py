#!/usr/bin/env python3
"""The virtual rack from the command line: ``python3 tests/lab/lab.py --help``, from any directory."""

import os
import shutil
import sys

from virtual_rack.cli import main

if __name__ == "__main__":
    if os.geteuid() != 0 and shutil.which("sudo"):
        # Namespaces and system containers need root. The cache stays the caller's.
        os.execvp("sudo", ["sudo", "--preserve-env=HOME,XDG_CACHE_HOME,KINDLING_TIMES", sys.executable, *sys.argv])  # noqa: S606  # no shell: the point is to become sudo
    sys.exit(main())
