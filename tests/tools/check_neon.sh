#!/usr/bin/env bash
# Runs the portable kernels as an ARM processor would: neon_check.cpp is built for this x86 machine (AVX2) and for aarch64 (NEON, in
# qemu), each compares them with naive sums, and both must give the same bits.  No LibTorch.  Installs nothing; it needs
#   apt-get install g++-aarch64-linux-gnu qemu-user
# The ARM build chooses NEON when compiling.  With a folder that holds Highway's libraries for arm64 (of the package libhwy1:arm64) it
# chooses when it runs, as a build on an ARM machine does.
# Usage: tests/tools/check_neon.sh [folder of libhwy for arm64]                                                    Licence: Apache-2.0.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tools/setup.sh
source tools/setup.sh

for program in g++ aarch64-linux-gnu-g++ qemu-aarch64; do
  command -v "$program" >/dev/null || die "$program is missing: apt-get install g++ g++-aarch64-linux-gnu qemu-user"
done
has_header hwy/highway.h || die "Highway is missing: apt-get install libhwy-dev"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The cross compiler does not look into /usr/include, and all of it would be wrong for it.
header=$(printf '#include <hwy/highway.h>\n' | g++ -std=c++20 -M -x c++ - | grep -o '[^ ]*/hwy/highway\.h' | head -n 1)
mkdir -p "$folder/include" "$folder/stub/framework/decode"
ln -s "$(dirname "$header")" "$folder/include/hwy"
# Of sampler.h only this much is needed; the rest wants LibTorch.
cat >"$folder/stub/framework/decode/sampler.h" <<'STUB'
#pragma once
#include "framework/core/token.h"
namespace specula {
Token pick(const float* p, int64_t vocab, double u);
Token argmax(const float* p, int64_t vocab);
}  // namespace specula
STUB

# As cmake/Targets.cmake compiles them: those in `exact` without fusing multiplications on the compiler's own account.
exact=(framework/model/kernels/{linear,integer,rows,activations,attention,avx512_bf16,avx512_vnni,avx512_attention,pack}.cpp
  tests/tools/neon_{check,products,rows,attention}.cpp)
plain=(framework/model/{kernels/kernels,kernels/isa,dtype}.cpp framework/decode/{softmax,probability}.cpp framework/core/error.cpp)

# build NAME COMPILER FLAGS...
build() {
  local name=$1 compiler=$2 source objects=()
  shift 2
  say "building for $name"
  for source in "${exact[@]}" "${plain[@]}"; do
    local flags=("$@")
    [[ " ${exact[*]} " != *" $source "* ]] || flags+=(-ffp-contract=off)
    objects+=("$folder/$name-$(basename "$source").o")
    "$compiler" -std=c++20 -O3 -DNDEBUG -Wall -Wextra -Werror "${flags[@]}" -I"$folder/stub" -I. -isystem "$folder/include" \
      -c "$source" -o "${objects[-1]}"
  done
  "$compiler" "${objects[@]}" -o "$folder/$name" "${libraries[@]}"
}

libraries=(-lhwy)
build x86 g++
if (($#)); then
  libraries=(-L"$1" -lhwy "-Wl,-rpath,$(realpath "$1")")
  build arm aarch64-linux-gnu-g++
else
  libraries=()
  build arm aarch64-linux-gnu-g++ -march=armv8-a+crypto -DHWY_COMPILE_ONLY_STATIC
fi

failed=()
SPECULA_ISA=avx2 "$folder/x86" >"$folder/x86.txt" || failed+=("the checks on x86")
qemu-aarch64 -L "${QEMU_LD_PREFIX:-/usr/aarch64-linux-gnu}" "$folder/arm" >"$folder/arm.txt" || failed+=("the checks on ARM")
[[ $(head -n 1 "$folder/x86.txt") == "target AVX2" ]] || failed+=("x86 ran $(head -n 1 "$folder/x86.txt")")
[[ $(head -n 1 "$folder/arm.txt") == "target NEON" ]] || failed+=("ARM ran $(head -n 1 "$folder/arm.txt")")
diff <(grep ^bits "$folder/x86.txt") <(grep ^bits "$folder/arm.txt") || failed+=("bits differ between AVX2 (<) and NEON (>)")
((${#failed[@]} == 0)) || die "failed: $(printf '%s; ' "${failed[@]}")"
say "NEON passed; $(grep -c ^bits "$folder/arm.txt") checksums equal those of AVX2"
