#!/bin/sh
# Builds the image, from inside it: installs Ansible, runs the roles by image.yml, removes what is not needed to serve.
# The checkout is /src. Two builds from the same packages give the same bytes.
set -eu
export DEBIAN_FRONTEND=noninteractive PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
umask 022

# --- what runs the playbooks, and what runs the services --------------------------------------------------------------
apt-get update --quiet=2
apt-get install --yes --quiet=2 --no-install-recommends \
  iproute2 python3 python3-apt python3-cryptography python3-dateutil python3-jinja2 python3-packaging python3-resolvelib \
  python3-yaml s6

packages=$(python3 -c 'import site; print(site.getsitepackages()[0])')
for wheel in /src/.cache/container/wheels/*.whl; do
  python3 -m zipfile --extract "$wheel" "$packages"
done
# Ansible's own tests, and the registries of network card vendors: neither is needed to read an inventory
rm -r "$packages/ansible_test" "$packages/netaddr/tests" "$packages"/netaddr/eui/*.txt

collections=/usr/share/ansible/collections
collection=$collections/ansible_collections/kindling/flatcar
mkdir -p "$collection" /etc/ansible /usr/share/kindling
for part in galaxy.yml meta playbooks plugins roles; do cp -R "/src/$part" "$collection"; done
chmod -R u=rwX,go=rX "$collections"
# From community.general, what the role power runs
general=ansible_collections/community/general
for part in COPYING MANIFEST.json plugins/module_utils/_redfish_utils.py \
  plugins/modules/ipmi_boot.py plugins/modules/ipmi_power.py plugins/modules/redfish_command.py plugins/modules/wakeonlan.py; do
  install -D --mode=0644 "/src/.ansible/collections/$general/$part" "$collections/$general/$part"
done
find "$collections" -name __pycache__ -prune -exec rm -r {} +

# --- the services -----------------------------------------------------------------------------------------------------
python3 -m ansible playbook --inventory localhost, --connection local --extra-vars @/src/container/vars.yml \
  /src/container/image.yml

# --- what nobody needs any more, and what tells one build from another --------------------------------------------------
apt-get purge --yes --quiet=2 --auto-remove python3-apt
apt-get clean
rm -rf /root/.ansible /tmp/* /var/cache/apt/*.bin /var/cache/debconf/* /var/cache/ldconfig/aux-cache /var/lib/apt/lists/* \
  /var/lib/dpkg/*-old /var/lib/systemd /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/machine-id \
  /usr/share/doc/* /usr/share/info/* /usr/share/locale/* /usr/share/man/*
find /var/log -type f -delete
# A fixed date for the creation of the services' users
sed -i -E 's/^([^:]*:[^:]*):[0-9]+:/\1:1:/' /etc/shadow
# The build changes the files' dates, and nothing can be written at run time: byte code that is checked by the source's digest
find /usr/lib/python3* "$packages" "$collections" -name __pycache__ -prune -exec rm -r {} +
python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /usr/lib/python3* "$packages" "$collections"
