#!/usr/bin/env bash
# Builds the release preset and runs every test, then those of reading and rewriting under sanitizers while time allows.
# The last line is `N passed, N failed`, summed over all of them; zero only if none failed and some ran.
set -u
cd "$(dirname "$0")/.." || exit 1

jobs=$(nproc)
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
passed=0 failed=0 skipped=0
failures=()
# The sanitized build takes long from nothing: it is begun and built within this many seconds of the start, or left out.
sanitize_until=${GODWIT_SANITIZE_UNTIL:-1800}

fail() { failed=$((failed + 1)); failures+=("$1"); echo "FAILED $1"; }

finish() {
  echo
  [ ${#failures[@]} -eq 0 ] || printf 'failed: %s\n' "${failures[@]}"
  [ "$skipped" = 0 ] || echo "$skipped skipped (they need data or programs that are not here)"
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
  exit
}

# check NAME COMMAND...: one test that is a command.
check() {
  local name=$1; shift
  if "$@" >"$logs/check" 2>&1 </dev/null; then
    passed=$((passed + 1)); echo "ok     $name"
  else
    fail "$name"; tail -n 40 "$logs/check"
  fi
}

# gtest PRESET PROGRAM: the tests of one program, spread over the cores.
gtest() {
  local preset=$1 program=$2 name shard ok=0 bad=0 skip=0 started=$SECONDS pids=()
  name=$preset/$(basename "$program")
  for ((shard = 0; shard < jobs; ++shard)); do
    GTEST_TOTAL_SHARDS=$jobs GTEST_SHARD_INDEX=$shard timeout 900 "$program" --gtest_color=no \
      >"$logs/shard$shard" 2>&1 </dev/null &
    pids+=($!)
  done
  for ((shard = 0; shard < jobs; ++shard)); do
    local log=$logs/shard$shard status=0 shard_bad
    wait "${pids[$shard]}" || status=$?
    ok=$((ok + $(grep -c '^\[       OK \] ' "$log")))
    skip=$((skip + $(grep -c '^\[  SKIPPED \] .* ms)$' "$log")))
    shard_bad=$(grep -c '^\[  FAILED  \] .* ms)$' "$log")
    bad=$((bad + shard_bad))
    if [ "$status" != 0 ]; then
      if [ "$shard_bad" = 0 ]; then
        bad=$((bad + 1))
        failures+=("$name ended with status $status in $(grep '^\[ RUN      \] ' "$log" | tail -n 1 | cut -c14-)")
        tail -n 60 "$log"
      else
        while read -r test; do failures+=("$name $test"); done \
          < <(grep '^\[  FAILED  \] .* ms)$' "$log" | cut -c14- | sed 's/ (.*//')
        grep -v -e '^$' -e '^\[       OK \]' -e '^\[ RUN  ' -e '^\[---' "$log" | head -n 120
      fi
    fi
  done
  passed=$((passed + ok)); failed=$((failed + bad)); skipped=$((skipped + skip))
  echo "$([ "$bad" = 0 ] && echo 'ok    ' || echo FAILED) $name: $ok passed, $bad failed$([ "$skip" = 0 ] ||
    echo ", $skip skipped") ($((SECONDS - started)) s)"
}

# build PRESET SECONDS TARGET...: status 124 where the seconds did not suffice.
build() {
  local preset=$1 seconds=$2 started=$SECONDS status=0; shift 2
  echo "building $preset ..."
  cmake --preset "$preset" >"$logs/build" 2>&1 </dev/null &&
    timeout "$seconds" cmake --build --preset "$preset" ${*:+--target "$@"} >>"$logs/build" 2>&1 </dev/null || status=$?
  if [ "$status" = 0 ]; then
    echo "ok     build $preset ($((SECONDS - started)) s)"
  elif [ "$status" != 124 ]; then
    fail "build $preset"
    grep -v '^\[[0-9/]*\] Building\|^\[[0-9/]*\] Linking' "$logs/build" | tail -n 80
  fi
  return "$status"
}

# areas NAME...: those of them that have tests, all without names.
areas() {
  local area
  for area in "${@:-*}"; do compgen -G "tests/$area/*_test.cpp"; done | cut -d/ -f2 | sort -u
}
replays() { compgen -G 'tests/fuzz/*_fuzz.cpp' | sed 's|.*/||; s|_fuzz\.cpp$||'; }

# run_tests PRESET AREA...: the gtest programs of these areas.
run_tests() {
  local preset=$1 area; shift
  for area in "$@"; do gtest "$preset" "build/$preset/tests/test_$area"; done
}
run_replays() {
  local preset=$1 name
  for name in $(replays); do
    check "$preset/replay_$name" "build/$preset/tests/replay_$name" "tests/fuzz/corpus/$name"
  done
}

# sanitized REPLAYS AREA...: builds and runs these under sanitizers; 124 where the time does not suffice for it.
sanitized() {
  local names=$1 left=$((sanitize_until - SECONDS)) status=124; shift
  if [ "$left" -gt 60 ]; then
    status=0
    # shellcheck disable=SC2046,SC2086
    build dev "$left" $(printf 'test_%s ' "$@") ${names:+$(printf 'replay_%s ' $names)} || status=$?
  fi
  if [ "$status" = 0 ]; then
    run_tests dev "$@"
    [ -z "$names" ] || run_replays dev
  elif [ "$status" = 124 ]; then
    echo "left out, as the time does not allow it: sanitizer tests of $*"
  fi
  return "$status"
}

build release 2400 || finish
check "who may include whom" tools/check_includes.sh
check "include checker catches violations" tests/tools/check_includes_test.sh
check "every diagnostic has a test" tools/check_diagnostics.sh
check "checker of diagnostics catches gaps" tests/tools/check_diagnostics_test.sh
check "no file is too long" tools/file_lengths.sh
check "generated pages are fresh" tools/generate_docs.sh --check build/release/godwit docs/generated
# shellcheck disable=SC2046  # one word an area
run_tests release $(areas)
run_replays release
check "bundled model runs as recorded" build/release/godwit suite examples
check "installed copy serves a user's program" tests/install/run.sh build/release

# Under sanitizers once more: first what reads files from strangers and rewrites what was read, then the engine, the
# writers and the proof.
# shellcheck disable=SC2046
sanitized "$(replays)" $(areas base formats ir frontends rewrite passes) &&
  sanitized "" $(areas targets exec verify backends api)
finish
