# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Shared by the shell parts of the guest rig: where slow things are kept, and under which key.

# Kernel, initramfs and libvirt's knowledge of QEMU live here; all of it can be thrown away.
lull_cache_dir() {
    local home=${HOME:-}
    [ -n "$home" ] && [ -d "$home" ] || home=$(getent passwd "$(id -u)" | cut -d: -f6)
    local dir=${LULL_TEST_CACHE:-${XDG_CACHE_HOME:-${home:-/tmp}/.cache}/lull-tests}
    if ! mkdir -p "$dir" 2>/dev/null; then
        dir=/tmp/lull-tests-cache-$(id -u)
        mkdir "$dir" 2>/dev/null || [ -O "$dir" ] || return 1
    fi
    printf '%s\n' "$dir"
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}
