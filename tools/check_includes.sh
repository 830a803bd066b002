#!/usr/bin/env bash
# check_includes.sh [ROOT]: every include below src/ must follow an edge of tools/rooms.txt, must name an existing
# file relative to src/ or include/, and must not reach a sibling within frontends/ or backends/. Room-less headers
# of include/godwit/ may be used by api and tools only, and include nothing of src/.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/..}"
files=$(mktemp)
trap 'rm -f "$files"' EXIT

find src include -type f \( -name '*.h' -o -name '*.cpp' -o -name '*.def' -o -name '*.inc' \) 2>/dev/null |
  LC_ALL=C sort >"$files"

xargs grep -HnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]' /dev/null <"$files" |
awk -v table=tools/rooms.txt -v files="$files" '
function close_over(room, seen,   parts, n, i) {  # everything that `room` may reach
  n = split(direct[room], parts, " ")
  for (i = 1; i <= n; ++i) if (!((seen, parts[i]) in reach)) { reach[seen, parts[i]] = 1; close_over(parts[i], seen) }
}
function bad(why) { print place ": " why; ++errors }
BEGIN {
  while ((getline line < table) > 0) {
    if (line !~ /^[a-z_]+:/) continue
    room = line; sub(/:.*/, "", room); sub(/^[^:]*:/, "", line); direct[room] = line; known[room] = 1
  }
  for (room in known) { n = split(direct[room], parts, " "); for (i = 1; i <= n; ++i) if (!(parts[i] in known)) {
    print table ": " room " names the unknown room " parts[i]; ++errors } }
  for (room in known) close_over(room, room)
  for (room in known) if ((room, room) in reach) { print table ": " room " reaches itself"; ++errors }
  while ((getline line < files) > 0) exists[line] = 1
}
{
  split($0, colon, ":")
  place = colon[1] ":" colon[2]; path = colon[1]
  angled = $0 ~ /include[[:space:]]*</
  target = $0; sub(/^[^"<]*["<]/, "", target); sub(/[">].*/, "", target)
  n = split(path, from, "/")
  room = from[1] == "include" ? "include" : from[2]
  split(target, to, "/")
  ++count
  if (target ~ /^godwit\//) {
    if (room != "include" && room != "api" && room != "tools") bad(room " may not use the public headers (" target ")")
    next
  }
  if (angled) {
    if (room != "tools" && target ~ /^(iostream|regex)$/) bad("<" target "> is slow to compile and not used here")
    next
  }
  if (room == "include") { bad("a public header includes " target ", which is not installed"); next }
  if (!(room in known)) { bad("src/" room " is not a room of " table); next }
  if (!(("src/" target) in exists)) { bad("\"" target "\" is not a file relative to src/"); next }
  if (to[1] != room && !((room, to[1]) in reach)) { bad(room " may not include " to[1] " (" target ")"); next }
  if (to[1] == room && (room == "frontends" || room == "backends") && from[3] != to[2] &&
      to[2] !~ /\.h$/ && from[3] !~ /\./)
    bad(room "/" from[3] " may not include its sibling " to[2] " (" target ")")
}
END { print count + 0 " includes, " errors + 0 " against the rules"; exit errors > 0 }'
