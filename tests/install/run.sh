#!/usr/bin/env bash
# run.sh BUILD_DIR: installs the build into a fresh folder, then compiles and runs a user's programs, in C++ and in C,
# against that copy: once through the CMake package and once through pkg-config.
set -eu
cd "$(dirname "$0")/../.."
build=$PWD/$1
here=$PWD/tests/install
model=$PWD/examples/shapes/model.onnx
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cxx=$(sed -n 's/^set(CMAKE_CXX_COMPILER "\(.*\)")$/\1/p' "$build"/CMakeFiles/*/CMakeCXXCompiler.cmake)
cc=${cxx/clang++/clang}
cc=${cc/g++/gcc}

cmake --install "$build" --prefix "$work/prefix" >/dev/null
"$work/prefix/bin/godwit" inspect "$model" >/dev/null

says() {  # says PROGRAM: it runs on the bundled model and prints what the model is
  "$1" "$model" >"$work/out" || { echo "$1 failed"; cat "$work/out"; exit 1; }
  grep -q probability "$work/out" || { echo "$1 does not name the output:"; cat "$work/out"; exit 1; }
}

cmake -G Ninja -S "$here" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_CXX_COMPILER="$cxx" \
  -DCMAKE_C_COMPILER="$cc" >/dev/null
cmake --build "$work/cmake" >"$work/log" || { cat "$work/log"; exit 1; }
says "$work/cmake/user_cpp"
says "$work/cmake/user_c"

export PKG_CONFIG_PATH=$work/prefix/lib/pkgconfig
flags=$(pkg-config --cflags --libs godwit)
# shellcheck disable=SC2086  # the flags are separate words
"$cxx" -std=c++20 "$here/user.cpp" -o "$work/user_cpp" $flags
# shellcheck disable=SC2086
"$cc" "$here/user.c" -o "$work/user_c" $flags
says "$work/user_cpp"
says "$work/user_c"
echo "four programs ran"
