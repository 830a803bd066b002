#!/usr/bin/env bash
# The include checker accepts a tree that follows the table and names each kind of violation.
set -eu
cd "$(dirname "$0")/../.."
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/tools "$tree"/include/godwit "$tree"/src/{base,formats,ir,ops,exec,api} "$tree"/src/frontends/{onnx,tflite}
cp tools/rooms.txt "$tree/tools/"
touch "$tree"/src/{base/a.h,ir/a.h,ops/a.h,exec/a.h,formats/a.h,frontends/onnx/a.h} "$tree/include/godwit/a.h"

# put FILE INCLUDE: the file holds that one include.
put() { printf '#include %s\n' "$2" >"$tree/$1"; }

accepts() {
  put "$1" "$2"
  tools/check_includes.sh "$tree" >"$tree/log" || { echo "refused $1: $2"; cat "$tree/log"; exit 1; }
  rm "$tree/$1"
}
refuses() {
  put "$1" "$2"
  if tools/check_includes.sh "$tree" >"$tree/log"; then echo "accepted $1: $2"; exit 1; fi
  grep -q "^$1:1: .*$3" "$tree/log" || { echo "no '$3' for $1: $2"; cat "$tree/log"; exit 1; }
  rm "$tree/$1"
}

accepts src/ops/b.cpp '"ops/a.h"'
accepts src/ops/b.cpp '"base/a.h"'
accepts src/ops/b.cpp '<vector>'
accepts src/frontends/onnx/b.cpp '"frontends/onnx/a.h"'
accepts src/frontends/onnx/b.cpp '"ir/a.h"'
accepts src/api/b.cpp '"godwit/a.h"'

refuses src/base/b.cpp '"ir/a.h"' 'base may not include ir'
refuses src/formats/b.cpp '"ir/a.h"' 'formats may not include ir'
refuses src/ir/b.cpp '  "exec/a.h"' 'ir may not include exec'
refuses src/formats/b.h '"ops/a.h"' 'formats may not include ops'
refuses src/exec/b.h '"frontends/onnx/a.h"' 'exec may not include frontends'
refuses src/frontends/tflite/b.cpp '"frontends/onnx/a.h"' 'may not include its sibling onnx'
refuses src/ops/b.cpp '"a.h"' 'not a file relative to src'
refuses src/ops/b.cpp '"godwit/a.h"' 'may not use the public headers'
refuses include/godwit/b.h '"ir/a.h"' 'not installed'
echo "all as expected"
