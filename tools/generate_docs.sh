#!/usr/bin/env bash
# generate_docs.sh [--check] GODWIT DIR: writes the pages that come from the program's own tables, or says which of
# them in DIR no longer agree with it.
set -eu

# page: the words after `godwit` that print it
pages() {
  cat <<'PAGES'
operators.md: list ops --markdown
imports.md: list imports --markdown
onnx_rows.md: list exports --markdown
tflite_kernels.md: list kernels --markdown
targets.md: list targets --markdown
rewriting_rules.md: list rules --markdown
diagnostics.md: list diagnostics --markdown
limits.md: list limits --markdown
commands.md: list commands --markdown
godwit.1: list commands --man
completion/godwit: completion bash
completion/_godwit: completion zsh
completion/godwit.fish: completion fish
PAGES
}

check=false
if [ "$1" = --check ]; then check=true; shift; fi
godwit=$1 dir=$2
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

pages | while IFS=: read -r page words; do
  mkdir -p "$(dirname "$fresh/$page")"
  # shellcheck disable=SC2086  # the words are separate arguments
  "$godwit" $words > "$fresh/$page" || { echo "'godwit$words' failed, so $page cannot be made" >&2; exit 1; }
done

if $check; then
  if ! diff -ru "$dir" "$fresh"; then
    echo "the pages above are stale: run 'make docs' and commit what it writes" >&2
    exit 1
  fi
else
  mkdir -p "$dir"
  rm -rf "${dir:?}"/*.md "$dir"/*.1 "$dir/completion"
  cp -r "$fresh"/. "$dir/"
fi
