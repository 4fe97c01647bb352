#!/usr/bin/env python3
"""The virtual rack from the command line: ``python3 tests/lab/lab.py --help``, from any directory."""

import sys

from virtual_rack.cli import main

if __name__ == "__main__":
    sys.exit(main())
