#!/bin/bash
# Installs, runs and removes the agent's package in a Debian 11 of its own (glibc 2.31, as in JetPack 5): for amd64, and
# for arm64 under emulation.
#
#   cargo xtask package && sudo packaging/test.sh amd64 && sudo packaging/test.sh arm64
#
# Needs root, debootstrap and, for the other architecture, qemu-user-static. For arm64 the kernel is told, until this
# ends, to run such programs by the emulator.
set -euo pipefail

arch=${1:?amd64 or arm64}
suite=${2:-bullseye}
root=$(cd "$(dirname "$0")/.." && pwd)
deb=$(ls "$root"/target/package/wattline-agent_*_"$arch".deb)
chroot=$root/target/package/chroot-$arch
# The mirror that this machine's own packages come from.
mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' | grep -v -e security -e backports | sort -u | head -1)}
misc=/proc/sys/fs/binfmt_misc
mounted=

finish() {
    local status=$?
    umount "$chroot/proc" 2>/dev/null || true
    if [ -e "$misc/wattline-$arch" ]; then echo -1 > "$misc/wattline-$arch"; fi
    if [ -n "$mounted" ]; then umount "$misc"; fi
    rm -rf --one-file-system "$chroot"
    exit $status
}
trap finish EXIT

step() {
    local name=$1 start
    start=$(date +%s.%N)
    shift
    "$@"
    printf '%s: %s, %.1f s\n' "$arch" "$name" "$(echo "$(date +%s.%N) - $start" | bc)"
}

inside() {
    chroot "$chroot" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

emulate() {
    if [ "$arch" = "$(dpkg --print-architecture)" ]; then return; fi
    if [ ! -e "$misc/register" ]; then
        mount -t binfmt_misc binfmt_misc "$misc"
        mounted=yes
    fi
    # ELF, 64 bits, little endian, a program or a shared object, AArch64. F: the emulator is opened now, from here.
    printf '%s' ":wattline-$arch:M::"'\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-aarch64-static:F' > "$misc/register"
}

base() {
    rm -rf --one-file-system "$chroot"
    debootstrap --arch="$arch" --variant=minbase "$suite" "$chroot" "$mirror" > "$chroot.log" 2>&1 || {
        tail -5 "$chroot.log"
        return 1
    }
    mount -t proc proc "$chroot/proc"
}

install_it() {
    cp "$deb" "$chroot/tmp/agent.deb"
    inside apt-get install -y -qq --no-install-recommends /tmp/agent.deb
    inside dpkg --verify wattline-agent
    for path in /usr/bin/agent /etc/wattline/agent.yaml /usr/lib/systemd/system/wattline-agent.service \
        /usr/share/man/man1/agent-bench.1.gz /usr/share/bash-completion/completions/agent \
        /usr/share/doc/wattline-agent/sbom.cdx.json; do
        test -e "$chroot$path" || { echo "$path is not there"; return 1; }
    done
    inside getent passwd wattline
}

use_it() {
    inside ldd --version | sed -n 1p
    inside agent --version
    inside agent doctor
    cp "$root/training/models/wattline-tiny-full.gguf" "$chroot/tmp/tiny.gguf"
    inside agent generate -m /tmp/tiny.gguf -p 'Once upon a time' -n 8 --seed 1
    inside agent bench -m /tmp/tiny.gguf --precision w8,w4 -p 16 -n 8 -r 2
}

# As the service does, without systemd: the user, the configuration, a key; until it answers.
serve_it() {
    cp "$root"/target/package/fleet/{fleet.json,device-1.key,device-1.crt} "$chroot/etc/wattline/"
    mv "$chroot/etc/wattline/device-1.key" "$chroot/etc/wattline/agent.key"
    mv "$chroot/etc/wattline/device-1.crt" "$chroot/etc/wattline/agent.crt"
    inside chown wattline:wattline /etc/wattline/agent.key
    inside install -d -o wattline -g wattline /var/lib/wattline /var/cache/wattline
    inside su -s /bin/sh wattline -c 'WATTLINE_CACHE=/var/cache/wattline timeout -s INT 20 agent run --config /etc/wattline/agent.yaml' \
        > "$chroot.said" 2>&1 || true
    grep -q '"agent":"device-1"' "$chroot.said" || { cat "$chroot.said"; return 1; }
    test -e "$chroot/var/lib/wattline" && ls "$chroot/var/lib/wattline"
}

remove_it() {
    inside apt-get remove -y -qq wattline-agent
    test ! -e "$chroot/usr/bin/agent"
    test -e "$chroot/etc/wattline/agent.yaml"
    inside apt-get purge -y -qq wattline-agent
    for path in /etc/wattline /var/lib/wattline /var/cache/wattline /usr/share/doc/wattline-agent; do
        test ! -e "$chroot$path" || { echo "$path was left behind"; return 1; }
    done
    if inside getent passwd wattline; then echo "the user was left behind"; return 1; fi
}

keys() {
    local planner=${PLANNER:-$root/target/debug/planner}
    rm -rf "$root/target/package/fleet"
    (cd "$root/target/package" && "$planner" keygen site --fleet fleet && "$planner" enroll device-1 --fleet fleet) > /dev/null
}

emulate
keys
step "a Debian $suite" base
step "installed" install_it
step "doctor, generate, bench" use_it
step "served as the service does" serve_it
step "removed and purged" remove_it
echo "$arch: ok"
