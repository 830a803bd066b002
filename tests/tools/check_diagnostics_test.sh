#!/usr/bin/env bash
# The checker of diagnostics accepts an id that a test quotes, and names one that none does and one listed twice.
set -eu
cd "$(dirname "$0")/../.."
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/src/base" "$tree/tests/base"
row() { printf 'GODWIT_DIAG(%s, "%s", Exit::kIo, "title",\n            "page")\n' "$1" "$2" >>"$tree/src/base/diagnostics_x.def"; }

row kOne some.thing
echo 'EXPECT_EQ(id, "some.thing");' >"$tree/tests/base/x_test.cpp"
tools/check_diagnostics.sh "$tree" >"$tree/log" || { echo "refused a tested id"; cat "$tree/log"; exit 1; }

row kTwo other.thing
! tools/check_diagnostics.sh "$tree" >"$tree/log" || { echo "accepted an untested id"; exit 1; }
grep -q '^other.thing has no test' "$tree/log"

echo '"other.thing"' >>"$tree/tests/base/x_test.cpp"
row kThree some.thing
! tools/check_diagnostics.sh "$tree" >"$tree/log" || { echo "accepted a repeated id"; exit 1; }
grep -q '^some.thing is listed more than once' "$tree/log"
echo "all as expected"
