#!/bin/sh
# unpack-packages.sh DIRECTORY PACKAGE...: unpacks Debian packages, with what they need and this machine lacks. Nothing is installed,
# so no server is started.
set -eu
target=$1
shift
[ ! -e "$target/unpacked" ] || exit 0
command -v apt-get >/dev/null || { echo "Kindling's tests need Debian; install by hand: $*" >&2; exit 1; }
echo "Unpacking these Debian packages into $target: $*"
mkdir -p "$target/archives/partial"
archives=$(cd "$target/archives" && pwd)
apt-get install --download-only --yes --quiet=2 --no-install-recommends -o Debug::NoLocking=true -o APT::Sandbox::User= \
  -o Dir::Cache::archives="$archives" "$@" >/dev/null
for package in "$archives"/*.deb; do
  dpkg --extract "$package" "$target"
done
rm -r "$target/archives"
touch "$target/unpacked"
