#!/usr/bin/env bash
# file_lengths.sh [LIMIT]: the source files longer than LIMIT lines (400), longest first. A report; it fails only for
# a file past 800 lines that tools/long_files.txt does not list with its reason.
set -eu
cd "$(dirname "$0")/.."
limit=${1:-400}
status=0
while read -r lines path; do
  [ "$lines" -gt "$limit" ] || continue
  note=
  if [ "$lines" -gt 800 ] && ! grep -q "^$path:" tools/long_files.txt 2>/dev/null; then
    note='  (past 800: split it, or give the reason in tools/long_files.txt)'
    status=1
  fi
  printf '%6d %s%s\n' "$lines" "$path" "$note"
done < <(find src include tests 2>/dev/null -name '*.h' -o -name '*.cpp' | xargs wc -l | grep -v ' total$' | sort -rn)
exit $status
