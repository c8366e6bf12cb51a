#!/usr/bin/env bash
# Layout, scripts, generated docs and clang-tidy.  clang-tidy reads the .cpp files that differ from the given commit (default: the
# previous one), or with --all every one.  Every check runs; the exit status tells whether all passed.  Licence: Apache-2.0.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/setup.sh
source tools/setup.sh

since=${1:-HEAD~1}
install_packages clang-format clang-tidy shellcheck
failed=()

mapfile -t sources < <(git ls-files --cached --others --exclude-standard '*.cpp' '*.h')
clang-format --dry-run -Werror "${sources[@]}" || failed+=(clang-format)

mapfile -t scripts < <(git ls-files '*.sh' .ci/run)
shellcheck -x "${scripts[@]}" || failed+=(shellcheck)

tools/docs.sh --check || failed+=(docs)

if [[ $since == --all ]] || ! git rev-parse --quiet --verify "$since^{commit}" >/dev/null; then
  mapfile -t changed < <(git ls-files '*.cpp')
else
  mapfile -t changed < <(git diff --name-only --diff-filter=d "$since" -- '*.cpp' && git ls-files --others --exclude-standard '*.cpp')
fi
if ((${#changed[@]})); then
  # A build folder of its own: clang reads no precompiled header of gcc's.
  cmake --preset lint >/dev/null
  cmake --build build/lint --target specula_stamp >/dev/null
  # The compile commands are gcc's: clang 14 lacks some warnings, finds gcc's omp.h last and does not know its malloc(deallocator).
  as_clang=(--extra-arg=-Wno-unknown-warning-option '--extra-arg=-D__malloc__(...)=__malloc__' "--extra-arg=-idirafter$(g++ -print-file-name=include)")
  say "clang-tidy: ${#changed[@]} files"
  printf '%s\0' "${changed[@]}" | xargs -0 -n 1 -P "$(nproc)" \
    clang-tidy -p build/lint --quiet "${as_clang[@]}" || failed+=(clang-tidy)
fi

((${#failed[@]} == 0)) || die "lint failed: ${failed[*]}"
say "lint passed"
