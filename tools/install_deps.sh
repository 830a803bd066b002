#!/usr/bin/env bash
# Installs the packages of deps/apt.txt that are missing, after saying which. Does nothing where all are present.
# With GODWIT_OPTIONAL_DEPS=1 those of deps/apt-optional.txt too, as far as the system has them.
set -eu
cd "$(dirname "$0")/.."

# missing LIST: its packages that are not here.
missing() {
  local package command
  while read -r package command; do
    case "$package" in ''|'#'*) continue ;; esac
    if [ -n "$command" ] && command -v "$command" >/dev/null; then continue; fi
    if dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then continue; fi
    echo "$package"
  done < "$1"
}

sudo=()
# install PACKAGE...: after saying so.
install() {
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "run as root: apt-get install $*" >&2; return 1; }
    sudo=(sudo)
  fi
  echo "installing with: ${sudo[*]:+sudo }apt-get install --no-install-recommends $*"
  local apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -qq --no-install-recommends install)
  "${apt[@]}" "$@" </dev/null >/dev/null 2>&1 && return
  # The package lists may be missing or old: fetch them once and try again, this time showing what goes wrong.
  "${sudo[@]}" apt-get -qq update </dev/null
  "${apt[@]}" "$@" </dev/null
}

mapfile -t needed < <(missing deps/apt.txt)
if [ ${#needed[@]} -gt 0 ]; then
  echo "godwit needs packages that this machine lacks: ${needed[*]}"
  if ! command -v apt-get >/dev/null; then
    echo "apt-get is not here: please install them (or what your system calls them), then run this again" >&2
    exit 1
  fi
  install "${needed[@]}"
fi

[ "${GODWIT_OPTIONAL_DEPS:-0}" = 1 ] && command -v apt-get >/dev/null || exit 0
for package in $(missing deps/apt-optional.txt); do
  if ! apt-cache show "$package" >/dev/null 2>&1; then
    echo "this system has no package $package: the tests that use it will be skipped"
  elif ! install "$package"; then
    echo "$package could not be installed: the tests that use it will be skipped"
  fi
done
