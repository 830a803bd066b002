#!/usr/bin/env bash
# demo.sh GODWIT: the main job on the bundled model, each command shown before it runs.
set -eu
godwit=$1
cd "$(dirname "$0")/.."
model=examples/shapes/model.onnx
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
out=$folder/model.tflite
back=$folder/back.onnx

step() {
  printf '\n# %s\n$ godwit' "$1"; shift
  printf ' %s' "$@"; printf '\n'
  "$godwit" "$@"
}

step "What is in this model?" inspect "$model"
step "Is it valid?" check "$model"
step "To TFLite: what was written, which transposes stay and why, and the proof that nothing changed" convert "$model" -o "$out" --io-layout nhwc --verify own
step "What came out" inspect "$out"
step "The two side by side, layer by layer, although their layouts differ" compare "$model" "$out" --per-layer
step "And back, in fewer nodes than it was" convert "$out" -o "$back" --target onnx@17 --verify own
step "Where it would run" check "$model" --target tflite@2.14,litert@2.1+xnnpack,onnx@11
step "Run it on an input of two pictures' shape" run "$model" --shape image=2,1,32,32
step "The proof: run it on recorded inputs and compare with what ONNX Runtime made of them" suite examples
