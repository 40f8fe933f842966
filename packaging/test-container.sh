#!/bin/bash
# Builds the container of packaging/Containerfile and runs the agent in it: as its user, with nothing but its own files.
#
#   cargo xtask package amd64 && sudo packaging/test-container.sh
#
# Needs root, buildah and debootstrap. Where no registry of images is reached, the base is a Debian made here, under the
# name that the file asks for.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
base=docker.io/library/debian:bookworm-slim
work=$(mktemp -d /var/tmp/container.XXXXXX)
mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' | grep -v -e security -e backports | sort -u | head -1)}
# Its own storage, which goes with it; processes in a chroot, since namespaces may not be had where this runs.
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
store=(--root "$work/store" --runroot "$work/run")
trap 'rm -rf --one-file-system "$work"' EXIT

debootstrap --variant=minbase bookworm "$work/debian" "$mirror" > "$work/log" 2>&1 || { tail -5 "$work/log"; exit 1; }
blank=$(buildah "${store[@]}" from scratch)
buildah "${store[@]}" copy -q "$blank" "$work/debian" / > /dev/null
buildah "${store[@]}" commit -q "$blank" "$base" > /dev/null
buildah "${store[@]}" rm "$blank" > /dev/null

buildah "${store[@]}" build -q --pull=never -f "$root/packaging/Containerfile" -t wattline-agent "$root/target/package"
container=$(buildah "${store[@]}" from --pull=never wattline-agent)
inside() { buildah "${store[@]}" run "$container" -- "$@"; }
# What the DaemonSet relies on: its user is no root, and owns state and cache.
test "$(inside id -un)" = wattline
inside sh -c 'touch /var/lib/wattline/x /var/cache/wattline/x && rm /var/lib/wattline/x /var/cache/wattline/x'
if inside sh -c 'touch /usr/bin/x' > /dev/null 2>&1; then echo "the program's folder can be written"; exit 1; fi
inside /usr/bin/agent --version
inside /usr/bin/agent doctor
buildah "${store[@]}" copy -q "$container" "$root/training/models/wattline-tiny-full.gguf" /tmp/tiny.gguf > /dev/null
inside /usr/bin/agent generate -m /tmp/tiny.gguf -p 'Once upon a time' -n 8 --seed 1
# As the DaemonSet runs it, as a user that the image does not know.
buildah "${store[@]}" run --user 10001:10001 "$container" -- /usr/bin/agent generate -m /tmp/tiny.gguf -p 'Once upon a time' -n 8 --seed 1
buildah "${store[@]}" inspect --format '{{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.Cmd}} {{.OCIv1.Config.User}}' "$container"
echo "container: ok"
