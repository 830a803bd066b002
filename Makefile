# The commands of every day. Everything they do is done by CMake and the scripts of tools/.
.PHONY: all deps demo test docs conformance format tidy fuzz bench install clean

all: build/release/build.ninja
	@cmake --build --preset release --target godwit

build/release/build.ninja: CMakeLists.txt CMakePresets.json
	@command -v cmake >/dev/null || { echo "cmake is missing: run 'make deps'"; exit 1; }
	@cmake --preset release

# Installs what deps/apt.txt names and this machine lacks, saying so first.
deps:
	@tools/install_deps.sh

# Set-up, build, and the main job on the bundled model.
demo: deps
	@$(MAKE) --no-print-directory all
	@tools/demo.sh build/release/godwit

# Set-up, build, and every test there is; the last line is `N passed, N failed`.
test: deps
	@tools/test.sh

# Writes the generated pages anew.
docs: all
	@tools/generate_docs.sh build/release/godwit docs/generated

# Runs the ONNX backend suite unpacked at GODWIT_ONNX_SUITE and writes down what does not pass, and why.
conformance: all
	@test -n "$(GODWIT_ONNX_SUITE)" || { echo "set GODWIT_ONNX_SUITE to the unpacked suite"; exit 1; }
	@build/release/godwit suite "$(GODWIT_ONNX_SUITE)" --markdown >docs/onnx_conformance.md || [ $$? = 7 ]

format:
	@git ls-files '*.h' '*.cpp' | xargs clang-format-14 -i

tidy:
	@cmake --preset tidy >/dev/null && cmake --build --preset tidy -- -k 0

fuzz:
	@cmake --preset fuzz && cmake --build --preset fuzz

bench: build/release/build.ninja
	@cmake --build --preset release --target bench

clean:
	rm -rf build

PREFIX ?= /usr/local
install: build/release/build.ninja
	@cmake --build --preset release --target godwit libgodwit
	@cmake --install build/release --prefix $(PREFIX)
