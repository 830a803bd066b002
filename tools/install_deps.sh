#!/usr/bin/env bash
# Installs the packages of deps/apt.txt that are missing, after saying which. Does nothing where all are present.
set -eu
cd "$(dirname "$0")/.."

missing=()
while read -r package command; do
  case "$package" in ''|'#'*) continue ;; esac
  if [ -n "$command" ] && command -v "$command" >/dev/null; then continue; fi
  if dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then continue; fi
  missing+=("$package")
done < deps/apt.txt
[ ${#missing[@]} -gt 0 ] || exit 0

echo "godwit needs packages that this machine lacks: ${missing[*]}"
if ! command -v apt-get >/dev/null; then
  echo "apt-get is not here: please install them (or what your system calls them), then run this again" >&2
  exit 1
fi
sudo=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "run as root: apt-get install ${missing[*]}" >&2; exit 1; }
  sudo=(sudo)
fi
echo "installing them with: ${sudo[*]:+sudo }apt-get install --no-install-recommends ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -y -qq --no-install-recommends)
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive "${apt[@]}" install "${missing[@]}" </dev/null >/dev/null 2>&1 && exit 0
# The package lists may be missing or old: fetch them once and try again, this time showing what goes wrong.
"${sudo[@]}" apt-get -qq update </dev/null
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive "${apt[@]}" install "${missing[@]}" </dev/null
