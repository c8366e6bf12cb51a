#!/usr/bin/env bash
# Keeps the generated parts of the documentation equal to what the program prints.  In a Markdown file, what stands between
#   <!-- generated: specula list drafters --format markdown -->   and   <!-- end -->
# is the output of that command.  --check fails where it differs, --write brings it up to date.  Licence: Apache-2.0.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
program=${SPECULA:-build/release/specula}
mode=${1:-}
[[ $mode == --check || $mode == --write ]] || { printf 'usage: tools/docs.sh --check|--write\n' >&2; exit 2; }
[[ -x $program ]] || { printf 'error: %s is not built\n' "$program" >&2; exit 1; }

# render FILE: the file with every generated part made anew.
render() {
  local line skipping=0
  while IFS= read -r line || [[ -n $line ]]; do
    if [[ $line == '<!-- end -->' ]]; then skipping=0; fi
    if ((!skipping)); then printf '%s\n' "$line"; fi
    if [[ $line =~ ^'<!-- generated: specula '(.*)' -->'$ ]]; then
      local words
      read -ra words <<<"${BASH_REMATCH[1]}"
      "$program" "${words[@]}" </dev/null || return 1
      skipping=1
    fi
  done <"$1"
  ((!skipping)) || { printf 'error: %s: a generated part has no <!-- end -->\n' "$1" >&2; return 1; }
}

failed=0 parts=0
new=$(mktemp)
trap 'rm -f "$new"' EXIT
while IFS= read -r file; do
  parts=$((parts + 1))
  render "$file" >"$new"
  cmp -s "$file" "$new" && continue
  if [[ $mode == --write ]]; then
    cat "$new" >"$file"
    printf 'written: %s\n' "$file"
  else
    diff -u "$file" "$new" >&2 || true
    printf 'error: %s is not what the program prints; run tools/docs.sh --write\n' "$file" >&2
    failed=1
  fi
done < <(git ls-files --cached --others --exclude-standard -- '*.md' | xargs -r grep -l '^<!-- generated: specula ' || true)
printf 'docs: %d files with generated parts\n' "$parts"
exit "$failed"
