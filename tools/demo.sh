#!/usr/bin/env bash
# demo.sh GODWIT: the main job on the bundled model, each command shown before it runs.
set -eu
godwit=$1
cd "$(dirname "$0")/.."
model=examples/shapes/model.onnx
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
out=$folder/simplified.onnx

step() {
  printf '\n# %s\n$ godwit' "$1"; shift
  printf ' %s' "$@"; printf '\n'
  "$godwit" "$@"
}

step "What is in this model?" inspect "$model"
step "Is it valid?" check "$model"
step "Simplify it: fewer nodes, for another opset, and the proof that nothing changed" simplify "$model" -o "$out" --opset 17 --verify own
step "Run it on an input of two pictures' shape" run "$model" --shape image=2,1,32,32
step "The proof: run it on recorded inputs and compare with what ONNX Runtime made of them" suite examples
