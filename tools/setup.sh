# Sourced by quickstart.sh and test.sh: makes a bare Debian 12 or Ubuntu 24.04 machine able to build Specula.
#
# System packages come from apt-get (as root or through sudo), LibTorch is what SPECULA_TORCH or a Python at hand offers, else the
# CPU wheel in .venv.  The system's Python is never written to.  Whatever is there already is left alone.
# Licence: Apache-2.0.
# shellcheck shell=bash

torch_version=2.13.0 # LibTorch 2.11 to 2.13 were tried
packages=(g++ cmake ninja-build pkg-config python3-venv ca-certificates git ccache libspdlog-dev libtomlplusplus-dev libcli11-dev
  nlohmann-json3-dev libgtest-dev libgmock-dev libsentencepiece-dev libpcre2-dev libutf8proc-dev libhwy-dev libssl-dev libbenchmark-dev libsqlite3-dev libsimdjson-dev
  libvalijson-dev)

# What proves a library where it did not come as a package.
declare -A headers=([libspdlog-dev]=spdlog/spdlog.h [libtomlplusplus-dev]=toml++/toml.h [libcli11-dev]=CLI/CLI.hpp
  [nlohmann-json3-dev]=nlohmann/json.hpp [libgtest-dev]=gtest/gtest.h [libgmock-dev]=gmock/gmock.h
  [libsentencepiece-dev]=sentencepiece_processor.h [libpcre2-dev]=pcre2posix.h [libutf8proc-dev]=utf8proc.h
  [libhwy-dev]=hwy/highway.h [libssl-dev]=openssl/evp.h
  [libbenchmark-dev]=benchmark/benchmark.h [libsqlite3-dev]=sqlite3.h [libsimdjson-dev]=simdjson.h
  [libvalijson-dev]=valijson/schema.hpp)

say() { printf '==> %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

has_package() { [[ $(dpkg-query -W -f='${Status}' "$1" 2>/dev/null) == "install ok installed" ]]; }
has_header() { printf '#include <%s>\n' "$1" | g++ -std=c++20 -M -x c++ - >/dev/null 2>&1; }

is_present() {
  case $1 in
    g++ | cmake | pkg-config | git | clang-format | clang-tidy | shellcheck) command -v "$1" >/dev/null ;;
    ccache) command -v ccache >/dev/null || ! command -v apt-get >/dev/null ;; # welcome, not needed
    ninja-build) command -v ninja >/dev/null ;;
    python3-venv) [[ -n ${SPECULA_TORCH:-} ]] || python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    ca-certificates) [[ -s /etc/ssl/certs/ca-certificates.crt ]] ;;
    *) has_package "$1" || has_header "${headers[$1]}" ;;
  esac
}

# install_packages NAME...: those of them that are missing.
install_packages() {
  local missing=() package as_root=()
  for package in "$@"; do
    is_present "$package" || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  if ! command -v apt-get >/dev/null; then
    die "this system has no apt-get, so nothing can be installed for you. Specula is built on Debian 12 and Ubuntu 24.04;" \
      "elsewhere install what these packages hold and run this again: ${missing[*]}"
  fi
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "packages are missing and there is neither root nor sudo; as root, run:" \
      "apt-get install --no-install-recommends ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing with apt-get: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    die "apt-get could not install: ${missing[*]} (Specula is built on Debian 12 and Ubuntu 24.04)"
}

require_cmake() {
  local have
  have=$(cmake --version | sed -n '1s/[^0-9]*//p')
  [[ $(printf '%s\n' 3.25 "$have" | sort -V | head -n 1) == 3.25 ]] ||
    die "cmake $have is too old: 3.25 or newer is needed (Debian 12 and Ubuntu 24.04 have it; elsewhere: pipx install cmake)"
}

# torch_of PYTHON: the version and the folder of its torch, found without importing it; empty if there is none.
torch_of() {
  "$1" - 2>/dev/null <<'PYTHON' || true
import importlib.util, pathlib, re
spec = importlib.util.find_spec("torch")
root = pathlib.Path(spec.submodule_search_locations[0])
version = re.search(r"__version__ = '([^']+)'", (root / "version.py").read_text()).group(1)
if (root / "lib/libtorch_cpu.so").exists():
    print(version, root)
PYTHON
}

# use_torch PYTHON: whether the torch of this Python will do.
use_torch() {
  local version root
  command -v "$1" >/dev/null || return 1
  read -r version root <<<"$(torch_of "$1")"
  [[ -n $version ]] || return 1
  if [[ $version =~ ^2\.1[1-3]\. ]]; then
    say "LibTorch $version at $root"
    return 0
  fi
  say "LibTorch $version at $root is not used: 2.11 to 2.13 are supported"
  return 1
}

# The CPU wheel: by its local version where the index at hand has it, then from PyTorch's own CPU index, then by the plain
# version, which is the CPU wheel on some mirrors and the CUDA wheel, several GB, on the public index: it is the last resort.
install_torch() {
  local pip=(.venv/bin/python -m pip --disable-pip-version-check --quiet) log
  say "installing torch $torch_version (CPU) into .venv, about 800 MB"
  [[ -x .venv/bin/python ]] || python3 -m venv .venv
  log=$(mktemp)
  if "${pip[@]}" install --no-deps "torch==$torch_version+cpu" >"$log" 2>&1 ||
    "${pip[@]}" install --no-deps --retries 2 --index-url https://download.pytorch.org/whl/cpu "torch==$torch_version+cpu" >>"$log" 2>&1 ||
    "${pip[@]}" install --no-deps "torch==$torch_version" >>"$log" 2>&1; then
    if compgen -G '.venv/lib/python*/site-packages/torch/lib/libtorch_cuda.so' >/dev/null; then
      say "only the CUDA build was to be had: installing the libraries that it needs"
      "${pip[@]}" install "torch==$torch_version"
    fi
    rm -f "$log"
    return 0
  fi
  tail -n 15 "$log" >&2
  rm -f "$log"
  die "torch $torch_version could not be installed; get LibTorch from https://pytorch.org and set SPECULA_TORCH to its folder"
}

find_torch() {
  if [[ -n ${SPECULA_TORCH:-} ]]; then
    [[ -e $SPECULA_TORCH/lib/libtorch_cpu.so ]] || die "SPECULA_TORCH=$SPECULA_TORCH holds no lib/libtorch_cpu.so"
    say "LibTorch at $SPECULA_TORCH (SPECULA_TORCH)"
    return
  fi
  use_torch .venv/bin/python || use_torch python3 && return
  install_torch
  use_torch .venv/bin/python || die "torch was installed into .venv but cannot be found there; remove .venv and run this again"
}

# set_up: everything a build needs.
set_up() {
  install_packages "${packages[@]}"
  require_cmake
  find_torch
}

# build PRESET [TARGET...]: configures (again only when something changed) and builds; prints the seconds.
build() {
  local preset=$1 start=$SECONDS
  shift
  export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$PWD}  # what another clone compiled serves this one
  cmake --preset "$preset" >&2
  cmake --build "build/$preset" ${1:+--target "$@"} >&2
  say "build of $preset: $((SECONDS - start)) s"
}
