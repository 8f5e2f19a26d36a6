#!/bin/bash
# install-clients.sh [VENV]: installs the registry clients that the end-to-end tests drive. For Debian 12, as root.
#
# Debian packages: skopeo, podman, buildah, docker engine 20.10, containerd and what they run on; and libfaketime.
# PyPI packages, into the virtual environment VENV: oras, Helm's and docker's libraries, dxf, and gRPC for the kubelet's
# pull call.
# VENV is the argument, else $STOWAGE_E2E_VENV, else ${TMPDIR:-/tmp}/stowage-e2e-venv: the tests look there too.
# Running it again installs only what is missing.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/install.bash"

VENV=${1:-${STOWAGE_E2E_VENV:-${TMPDIR:-/tmp}/stowage-e2e-venv}}
DEBIAN_PACKAGES=(skopeo podman runc conmon buildah docker.io containerd zstd python3 python3-venv ca-certificates
    faketime)
PYTHON_PACKAGES=(oras==0.2.43 helm-python-sdk==0.2.2 python-dxf==12.1.1 grpcio==1.85.1 docker==7.2.0)

if [ "$(id -u)" != 0 ]; then
    echo "install-clients.sh: must run as root: it installs packages, and the clients mount and run containers" >&2
    exit 1
fi

install_debian "${DEBIAN_PACKAGES[@]}"
install_python "$VENV" "${PYTHON_PACKAGES[@]}"
echo "clients are installed; Python clients are in $VENV"
