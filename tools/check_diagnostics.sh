#!/usr/bin/env bash
# check_diagnostics.sh [ROOT]: every id of src/base/diagnostics_*.def must be quoted by a test, and be listed once.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/..}"

ids=$(cat src/base/diagnostics_*.def | tr '\n' ' ' | grep -oE 'GODWIT_DIAG\([[:space:]]*k[A-Za-z0-9]+,[[:space:]]*"[^"]+"' |
  sed 's/.*"\(.*\)"/\1/' | LC_ALL=C sort)
errors=0
for id in $(printf '%s\n' "$ids" | uniq -d); do
  echo "$id is listed more than once"; errors=$((errors + 1))
done
quoted=$(grep -rhoE '"[a-z0-9_.]+"' tests --include='*.cpp' --include='*.h' --include='*.sh' | tr -d '"' | LC_ALL=C sort -u)
untested=$(comm -23 <(printf '%s\n' "$ids" | uniq) <(printf '%s\n' "$quoted"))
if [ -n "$untested" ]; then
  printf '%s has no test that names it\n' $untested
  errors=$((errors + $(printf '%s\n' "$untested" | wc -l)))
fi
echo "$(printf '%s\n' "$ids" | uniq | wc -l) diagnostics, $errors problems"
[ "$errors" = 0 ]
