# setup.sh -- installs what building and testing need on Debian, if it is missing.
#
#   . tests/setup.sh; setup PACKAGE...
#
# Installing takes root or a password-free sudo; with neither it says what to install, and fails.

build_packages='gcc libc6-dev meson ninja-build pkg-config libopenblas-pthread-dev libjansson-dev
    libutf8proc-dev librandom123-dev'
test_packages="$build_packages g++ clang libclang-rt-14-dev check graphviz"

missing_packages() {
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' ||
            echo "$package"
    done
}

setup() {
    missing=$(missing_packages "$@" | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif sudo -n true 2>/dev/null; then
        as_root=sudo
    else
        echo "missing packages; as root, run: apt-get install -y $missing" >&2
        return 1
    fi
    echo "installing $missing" >&2
    log=$(mktemp)
    if { $as_root apt-get update && $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
        rm -f "$log"
    else
        tail -n 20 "$log" >&2
        rm -f "$log"
        return 1
    fi
}
