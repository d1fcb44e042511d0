#!/usr/bin/env bash
# bare_debian.sh FOLDER: proves the README on a machine that has nothing. Makes a minimal Debian 12 in FOLDER/root (needs
# root, debootstrap and a network), clones this checkout's last commit into it, runs the two commands there, then again to
# see that they are quick when nothing is left to do, and prints how long each took. FOLDER must lie outside the checkout.
# A second trial with the same FOLDER begins again from a fresh system and a fresh clone.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

fail() {
  printf 'bare_debian: %s\n' "$*" >&2
  exit "${code:-1}"
}
[ $# -eq 1 ] || code=2 fail "usage: tools/dev/bare_debian.sh FOLDER"
[ "$(id -u)" -eq 0 ] || fail "making a system needs root; run it with sudo"
command -v debootstrap >/dev/null || fail "debootstrap is missing; run: apt-get install debootstrap"
mkdir -p "$1"
folder=$(cd "$1" && pwd)
[[ $folder/ != "$here"/* ]] || fail "$folder lies inside the checkout; name a folder outside"
root=$folder/root

unmount() {
  local mount
  for mount in $(awk -v root="$root/" 'index($2, root) == 1 { print $2 }' /proc/mounts | sort -r); do umount -l "$mount"; done
}
trap unmount EXIT
unmount
rm -rf --one-file-system "$root"

report=()
timed() { # NAME COMMAND...: runs it, remembers how long it took and whether it worked
  local name=$1 start=$SECONDS code=0
  shift
  printf '\n== %s\n' "$name"
  "$@" || code=$?
  report+=("$(printf '%6d s  exit %d  %s' $((SECONDS - start)) $code "$name")")
  [ $code -eq 0 ] || worst=1
}
inside() {
  chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM="${TERM:-dumb}" \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} bash -c "cd /src/r1c && $1"
}

worst=0
timed "debootstrap" debootstrap --variant=minbase bookworm "$root" >"$folder/debootstrap.log"
[ $worst -eq 0 ] || fail "debootstrap failed; all it said is in $folder/debootstrap.log"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --make-rslave "$root/dev"
git clone -q --no-hardlinks "$here" "$root/src/r1c"

for pass in "first time" "nothing left to do"; do
  timed "tools/demo.sh, $pass" inside tools/demo.sh
  timed "tools/test.sh, $pass" inside tools/test.sh
done
printf '\nDebian 12, %s, commit %s:\n' "$(nproc) processors" "$(git -C "$here" rev-parse --short HEAD)"
printf '%s\n' "${report[@]}"
exit $worst
