# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # the lists are for those who source this
#
# What a Debian 12 machine needs, by purpose, and how to get it.

build_packages="meson ninja-build gcc libc6-dev pkg-config
    libglib2.0-dev libjson-c-dev libseccomp-dev
    libvirt-dev libsqlite3-dev libsoup-3.0-dev libyaml-dev libxml2-dev libcurl4-openssl-dev libssl-dev libnbd-dev"
guest_packages="qemu-system-x86 qemu-utils libvirt-daemon-system libvirt-clients qemu-guest-agent
    busybox-static cpio kmod e2fsprogs xfsprogs mount util-linux python3"
test_packages="mandoc zsh check python3-pytest python3-pytest-xdist python3-libvirt python3-yaml btrfs-progs lvm2 mdadm
    openssl ovmf procps swtpm swtpm-tools"
fuzz_packages="clang llvm libclang-rt-14-dev"
lint_packages="clang-format clang-tidy cppcheck shellcheck codespell pyflakes3 git"

# The packages among the arguments that are not installed.
missing_packages() {
    local package
    for package; do
        [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" = 'ii ' ] || printf '%s ' "$package"
    done
}

# Could every one of the arguments be installed from the lists that are there?
are_listed() {
    local package
    for package; do
        apt-cache policy "$package" 2>/dev/null | grep -q 'Candidate: [^(]' || return 1
    done
}

# Installs those of the arguments that are missing.
install_packages() {
    local missing apt="apt-get -q -o DPkg::Lock::Timeout=900"
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        echo "not installed: $missing" >&2
        echo "as root: apt-get install --no-install-recommends $missing" >&2
        return 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # lists
    {
        are_listed $missing || $apt update || return 1
        $apt install -y --no-install-recommends $missing && return 0
        # A stale list or an interrupted run before us: once more after setting that right.
        dpkg --configure -a
        $apt update && $apt -f install -y && $apt install -y --no-install-recommends $missing
    }
}
