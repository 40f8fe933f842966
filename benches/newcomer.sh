#!/bin/bash
# What a stranger does who has only the README: in a fresh Debian, a plan, its report, a model that talks, a fleet on this
# machine, and away with it; each step timed.
#
#   sudo benches/newcomer.sh > newcomer.txt
#
# Needs root and debootstrap. Rust and its downloads are this machine's own, mounted; so is this checkout with its target
# folder: what was built before is not built again, and that time is not counted. Run `cargo xtask demo` before.
set -euo pipefail

suite=${1:-bookworm}
root=$(cd "$(dirname "$0")/.." && pwd)
chroot=$(mktemp -d /var/tmp/newcomer.XXXXXX)
mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' | grep -v -e security -e backports | sort -u | head -1)}
tools=(${CARGO_HOME:-$HOME/.cargo} ${RUSTUP_HOME:-$HOME/.rustup})

finish() {
    local status=$?
    for at in "$root" "${tools[@]}" /proc /dev; do umount -R "$chroot$at" 2>/dev/null || true; done
    rm -rf --one-file-system "$chroot"
    exit $status
}
trap finish EXIT

step() {
    local name=$1 start cpu
    start=$(date +%s.%N)
    shift
    "$@" > "$chroot.said" 2>&1 || { echo "FAILED: $name"; tail -20 "$chroot.said"; exit 1; }
    printf '%-58s %7.1f s\n' "$name" "$(echo "$(date +%s.%N) - $start" | bc)"
}

inside() {
    chroot "$chroot" env -i HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive PIP_BREAK_SYSTEM_PACKAGES=1 PIP_CERT=/etc/machine-ca.crt \
        CARGO_HOME="${tools[0]}" RUSTUP_HOME="${tools[1]}" \
        PATH="$root/target/debug:${tools[0]}/bin:/usr/sbin:/usr/bin:/sbin:/bin" sh -c "cd '$root' && $1"
}

machine() {
    debootstrap --variant=minbase "$suite" "$chroot" "$mirror"
    mkdir -p "$chroot$root" "$chroot/root" "${tools[@]/#/$chroot}"
    mount -t proc proc "$chroot/proc"
    mount --rbind /dev "$chroot/dev"
    mount --make-rslave "$chroot/dev"
    mount --bind "$root" "$chroot$root"
    for tool in "${tools[@]}"; do mount --bind "$tool" "$chroot$tool"; done
    # A machine that reaches the Python registry by a setting of its own.
    cp /etc/resolv.conf "$chroot/etc/" 2>/dev/null || true
    cp /etc/hosts "$chroot/etc/" 2>/dev/null || true
    # Beside the system's own, which a package writes anew.
    cp -L /etc/ssl/certs/ca-certificates.crt "$chroot/etc/machine-ca.crt"
}

# The lab serves, somebody asks, Ctrl-C; nothing is left of it.
lab() {
    inside "timeout -s INT 300 planner lab scenarios/lab.yaml --no-report > /tmp/lab.txt 2>&1 & lab=\$!
        for i in \$(seq 240); do grep -q 'serving on' /tmp/lab.txt && break; sleep 0.5; done
        at=\$(sed -n 's#.*serving on http://\([0-9.:]*\)/v1.*#\1#p' /tmp/lab.txt | head -1)
        python3 - \$at << 'PY'
import json, sys, urllib.request
body = {'model': 'chat', 'messages': [{'role': 'user', 'content': 'What is a watt?'}], 'max_tokens': 32}
request = urllib.request.Request(f'http://{sys.argv[1]}/v1/chat/completions', json.dumps(body).encode())
print(json.load(urllib.request.urlopen(request))['choices'][0]['message']['content'])
PY
        kill -INT \$lab; wait \$lab; test \$? -eq 130"
}

date -u +'%d %B %Y, %H:%M UTC'
echo "$(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg)"
step "a fresh Debian $suite" machine
step "apt-get install gcc, as the README says" inside "apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev"
step "cargo xtask setup (what is missing, with apt-get)" inside "cargo xtask setup"
step "cargo xtask demo (nothing left to build): plan, report" inside "cargo xtask demo && test -s reports/fleet/index.html"
step "planner optimize scenarios/fleet.yaml" inside "planner optimize scenarios/fleet.yaml --quiet"
step "planner explain scenarios/fleet.yaml" inside "planner explain scenarios/fleet.yaml"
step "planner check scenarios/home.yaml" inside "planner check scenarios/home.yaml"
step "agent doctor" inside "agent doctor"
step "apt-get install python3-pip, as agent pull asks" inside "apt-get install -y -qq --no-install-recommends python3-pip"
step "agent pull smollm2-135m" inside "agent pull smollm2-135m"
step "agent generate" inside "agent generate -m smollm2-135m -p 'Once upon a time' --seed 1 -n 32"
step "agent chat" inside "echo 'What is a watt?' | agent chat -m smollm2-135m -n 32"
step "planner lab: serves, an answer, Ctrl-C" lab
step "removal: the cache, the reports" inside "rm -rf ~/.cache/wattline reports/fleet && test ! -e ~/.cache/wattline"
