#!/usr/bin/env bash
# Installs the collections of requirements.yml below the given directory, and checks every file of them by a digest that stands here:
# Galaxy itself promises nothing of what it sends. Where Galaxy cannot be reached, the same files are taken out of the Python package
# "ansible", which has them.
set -euo pipefail
target=$1
# Of community.general's MANIFEST.json, which has the digest of FILES.json, which has those of all its files. For another version in
# requirements.yml, have it installed, look at it, and write what sha256sum says of its MANIFEST.json.
manifest=af0e82d4407cf3036eda15af10bbdf0a5f276af07f817992986e3682f1918d5f
wheel=ansible==14.5.0 # has the community.general of requirements.yml
wheel_sha256=245623ccc2d31d0f6f4bdb63168d550cad305fb032cc43d96e8f61ce8ab0ba84

here=${BASH_SOURCE[0]%/*}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# By force: Galaxy's client installs nothing where a configured place has that version already
if ! ansible-galaxy collection install --force --requirements-file requirements.yml --collections-path "$work" \
  > "$target/galaxy.log" 2>&1; then
  echo "Galaxy cannot be reached (see $target/galaxy.log); taking community.general out of the Python package $wheel"
  echo "$wheel --hash=sha256:$wheel_sha256" > "$work/wheel.txt"
  # Nothing of it is run by the Python that it is for: these are files to copy
  python -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary=:all: --python-version 3.13 \
    --dest "$work" --requirement "$work/wheel.txt"
  python -m zipfile --extract "$work"/ansible-*.whl "$work"
fi
python "$here/verify_collection.py" "$work/ansible_collections/community/general" "$manifest"
mkdir -p "$target/ansible_collections/community"
rm -rf "$target/ansible_collections/community/general"
mv "$work/ansible_collections/community/general" "$target/ansible_collections/community/general"
