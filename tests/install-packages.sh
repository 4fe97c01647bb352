#!/bin/sh
# Installs those of the given Debian packages that are not there yet, and says which.
set -eu
missing=
for package in "$@"; do
  dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null || { echo "Kindling's tests need Debian; install by hand:$missing" >&2; exit 1; }
root=
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "As root, install these Debian packages first:$missing" >&2; exit 1; }
  root=sudo
fi
echo "Installing these Debian packages${root:+ (sudo asks for your password)}:$missing"
$root apt-get update --quiet=2
# shellcheck disable=SC2086  # a list of words
DEBIAN_FRONTEND=noninteractive $root apt-get install --yes --quiet=2 --no-install-recommends $missing >/dev/null
