#!/bin/bash
# install-clients.sh [VENV]: installs the registry clients that the end-to-end tests drive. For Debian 12, as root.
#
# Debian packages: skopeo, podman, buildah, docker engine 20.10, containerd and what they run on; and libfaketime.
# PyPI packages, into the virtual environment VENV: oras, Helm's and docker's libraries, dxf, and gRPC for the kubelet's
# pull call.
# VENV is the argument, else $STOWAGE_E2E_VENV, else ${TMPDIR:-/tmp}/stowage-e2e-venv: the tests look there too.
# Running it again installs only what is missing.
set -euo pipefail

VENV=${1:-${STOWAGE_E2E_VENV:-${TMPDIR:-/tmp}/stowage-e2e-venv}}
DEBIAN_PACKAGES=(skopeo podman runc conmon buildah docker.io containerd zstd python3 python3-venv ca-certificates
    faketime)
PYTHON_PACKAGES=(oras==0.2.43 helm-python-sdk==0.2.2 python-dxf==12.1.1 grpcio==1.85.1 docker==7.2.0)

if [ "$(id -u)" != 0 ]; then
    echo "install-clients.sh: must run as root: it installs packages, and the clients mount and run containers" >&2
    exit 1
fi

missing=()
for package in "${DEBIAN_PACKAGES[@]}"; do
    state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing+=("$package")
done

if [ ${#missing[@]} -gt 0 ]; then
    # The tests start their own daemons: the packages' services must not start. invoke-rc.d asks policy-rc.d.
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
    # Debian's own interpreter, whatever comes first in PATH: python3-venv belongs to it.
    /usr/bin/python3 -m venv --clear "$VENV"
    "$VENV/bin/pip" install --quiet --disable-pip-version-check "${PYTHON_PACKAGES[@]}"
    printf '%s\n' "$wanted" >"$stamp"
fi
echo "clients are installed; Python clients are in $VENV"
