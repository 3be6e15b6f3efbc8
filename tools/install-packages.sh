#!/bin/bash
# Installs what tools/packages.txt names and is missing. Does nothing, quickly, when all is there.
set -u
list=$(sed 's/#.*//' "$(dirname "$0")/packages.txt")

missing() {
    local name
    for name in $list; do
        dpkg-query -W -f '${db:Status-Abbrev}\n' "$name" 2>/dev/null | grep -q '^ii' || echo "$name"
    done
}

lacking=$(missing)
[ -z "$lacking" ] && exit 0
as_root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "install-packages: not root and no sudo; install by hand:" $lacking; exit 1; }
    as_root=sudo
fi
apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 "$@"; }

echo "install-packages: installing" $lacking
apt update >/dev/null || echo "install-packages: apt-get update failed; trying with the lists at hand"
# All at once, and one by one when that fails, so that a single missing package does not take the others along.
if ! apt install --no-install-recommends $lacking >/tmp/install-packages.log 2>&1; then
    for name in $lacking; do
        apt install --no-install-recommends "$name" >>/tmp/install-packages.log 2>&1
    done
fi
lacking=$(missing)
if [ -n "$lacking" ]; then
    echo "install-packages: could not get:" $lacking "(see /tmp/install-packages.log)"
    exit 1
fi
