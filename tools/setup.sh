#!/usr/bin/env bash
# Installs what building and testing r1c needs on Debian 12. Says nothing, within milliseconds, when all is there.
# Not root: prints the command to run as root and stops. The package managers' own words go to build/setup.log and build/nvrtc.log.
# NVRTC, which r1c compiles for GPUs with, is no package of Debian: where there is none, its wheel goes to build/cuda.
# Without it everything builds, and the tests that need it are skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=(
  ca-certificates git python3                                # working with the repository, lit, the lints
  python3-pip                                                # gets NVRTC
  cmake ninja-build ccache g++                               # the build; g++ also builds preset `runtime`
  clang-22 lld-22 libclang-rt-22-dev                         # the compiler of every other preset, with sanitizers and libFuzzer
  llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools     # what r1c stands on; FileCheck and lit; mlir-tblgen
  liblld-22-dev libzstd-dev zlib1g-dev                       # the linker as a library, and what it links
  flatbuffers-compiler libflatbuffers-dev                    # the artifact's index
  libcli11-dev nlohmann-json3-dev libpcre2-dev libsodium-dev # command lines, JSON, the tokenizer's patterns, hashes
  libgtest-dev libbenchmark-dev clang-format-22              # tests and lints
)

installed() { # of $packages, one a line
  { dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null || true; } | sed -n 's/^installed //p'
}

served() { # whether the sources offer all that is missing
  [ "$(apt-cache policy "${missing[@]}" 2>/dev/null | grep -c '^ *Candidate: [0-9]')" -eq ${#missing[@]} ]
}

say() { printf 'setup: %s\n' "$*"; }
fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

# The places where r1c looks (compiler/emit/Nvrtc.cpp), but for a user's own Python environments.
has_nvrtc() {
  local home
  for home in "${CUDA_HOME:-}" "${CUDA_PATH:-}" /usr/local/cuda; do
    [ -z "$home" ] || ! compgen -G "$home/lib*/libnvrtc.so*" >/dev/null || return 0
  done
  ! compgen -G "build/cuda/nvidia/cu*/lib/libnvrtc.so*" >/dev/null || return 0
  [[ $(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null) == *libnvrtc.so* ]]
}

get_nvrtc() { # never fails: without NVRTC all but GPU targets works
  has_nvrtc && return
  mkdir -p build
  say "no NVRTC here: getting the wheel nvidia-cuda-nvrtc into build/cuda (150 MB)"
  if ! python3 -m pip install --target build/cuda --upgrade --no-deps --only-binary :all: --no-input --retries 1 --timeout 20 \
    --disable-pip-version-check "nvidia-cuda-nvrtc>=13" >build/nvrtc.log 2>&1; then
    say "NVRTC cannot be had ($(grep '^ERROR' build/nvrtc.log | tail -1 | grep . || echo 'no reason given'), see $PWD/build/nvrtc.log);" \
      "tests that compile for a GPU will be skipped"
  fi
  chown -R --reference=. build/nvrtc.log build/cuda 2>/dev/null || true
}

missing=()
if command -v dpkg-query >/dev/null; then
  have=" $(installed | tr '\n' ' ')"
  for package in "${packages[@]}"; do
    [[ $have == *" $package "* ]] || missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then
    get_nvrtc
    exit 0
  fi
fi

system=$(. /etc/os-release 2>/dev/null && echo "${ID:-unknown} ${VERSION_ID:-}") || system=unknown
[ "$system" = "debian 12" ] || fail "this is '$system', and packages are known for Debian 12 only; what is needed there under" \
  "these names, LLVM, MLIR, lld and clang in version 22: ${missing[*]:-${packages[*]}}"

if [ "$(id -u)" -ne 0 ]; then
  command="$PWD/tools/setup.sh"
  if command -v sudo >/dev/null; then command="sudo $command"; else command="su -c $command"; fi
  printf 'setup: %d packages are missing: %s\n' ${#missing[@]} "${missing[*]}" >&2
  fail "installing them needs root; run this, then the same command again:  $command"
fi

mkdir -p build
log=build/setup.log
: >"$log"
chown --reference=. build "$log"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
apt=(apt-get -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 -q -y)

start=$SECONDS
say "reading the package lists"
update() { # apt-get calls it a success when some archive does not answer; then `why` says so
  "${apt[@]}" update >>"$log" 2>&1 || why="'apt-get update' failed"
  why=${why:-$(sed -n 's/^W: Failed to fetch \(\S*\) *\(.*\)/\1 does not answer: \2/p' "$log" | tail -1)}
}
why=
update

# LLVM 22 came to Debian 12 through its security archive, which a root made by debootstrap does not name. The mirror that
# serves bookworm itself serves it under the same name with -security.
if ! served; then
  [ -z "$why" ] || fail "$why; is there a network, and are the sources under /etc/apt right? See $PWD/$log"
  mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' | awk '$1 == "bookworm" { uri = $2 } END { print uri }')
  mirror=${mirror%/}
  [ -n "$mirror" ] || fail "no source under /etc/apt names bookworm: add Debian 12's main and security archives, then run this again"
  list=/etc/apt/sources.list.d/bookworm-security.sources
  say "the security archive (where LLVM 22 is) is not enabled: adding $list"
  printf 'Types: deb\nURIs: %s-security\nSuites: bookworm-security\nComponents: main\nSigned-By: %s\n' \
    "$mirror" /usr/share/keyrings/debian-archive-keyring.gpg >"$list"
  update
  if ! served; then
    rm -f "$list"
    fail "$mirror-security does not serve all of ${missing[*]} (see $PWD/$log): enable Debian 12's security archive, suite bookworm-security, under /etc/apt, then run this again"
  fi
fi

say "installing ${#missing[@]} packages (a minute or two)"
"${apt[@]}" install --no-install-recommends "${missing[@]}" >>"$log" 2>&1 ||
  fail "apt-get could not install the packages: ${why:-$(grep -m1 '^E:' "$log" || echo 'no reason given')}; all it said is in $PWD/$log"
get_nvrtc
say "done in $((SECONDS - start)) s"
