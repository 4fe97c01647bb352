#!/usr/bin/env bash
# Installs the collections of requirements.yml below the given directory. Where Galaxy cannot be reached, the same files are
# taken out of the Python package "ansible", which has them.
set -euo pipefail
target=$1
wheel=ansible==14.5.0 # has a community.general of the range in requirements.yml

if ansible-galaxy collection install --requirements-file requirements.yml --collections-path "$target" > "$target/galaxy.log" 2>&1; then
  exit 0
fi
echo "Galaxy cannot be reached (see $target/galaxy.log); taking community.general out of the Python package $wheel"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Nothing of it is run by the Python that it is for: these are files to copy
python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.13 --dest "$work" "$wheel"
python - "$work" "$target" <<'END'
import pathlib
import sys
import zipfile

(wheel,) = pathlib.Path(sys.argv[1]).glob("*.whl")
with zipfile.ZipFile(wheel) as packed:
    wanted = [name for name in packed.namelist() if name.startswith("ansible_collections/community/general/")]
    packed.extractall(sys.argv[2], wanted)
END
