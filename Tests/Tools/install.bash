# Sourced by install-clients.sh and s3/install.sh: Debian packages, and PyPI packages in a virtual environment.

# Installs those of the Debian packages that are missing; that takes root.
install_debian() {
    local missing=() package state
    for package in "$@"; do
        state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$state" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        echo "${0##*/}: missing: ${missing[*]}; run as root, or apt-get install them" >&2
        exit 1
    fi
    # The tests start their own servers and daemons: the packages' services must not start. invoke-rc.d asks policy-rc.d.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
        chmod 755 /usr/sbin/policy-rc.d
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    export DEBIAN_FRONTEND=noninteractive
    local apt=(apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
    "${apt[@]}" update
    "${apt[@]}" install -y --no-install-recommends "${missing[@]}"
}

# install_python VENV PACKAGE...: makes the environment anew unless it has exactly these.
install_python() {
    local venv=$1 wanted
    shift
    wanted=$(printf '%s\n' "$@")
    [ "$(cat "$venv/installed.txt" 2>/dev/null || true)" != "$wanted" ] || return 0
    # Debian's own interpreter, whatever comes first in PATH: python3-venv belongs to it.
    /usr/bin/python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$@"
    # Written last, so a half-made environment is made anew.
    printf '%s\n' "$wanted" >"$venv/installed.txt"
}
