// godwit doctor: what this installation can do.
#include <unistd.h>
#include <zlib.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/text.h"
#include "exec/kernels/simd.h"
#include "tools/table.h"
#include "tools/verbs.h"

namespace godwit::tools {

namespace fs = std::filesystem;

namespace {

constexpr Option kOptions[] = {{"--json", OptionKind::kFlag, "", "the result as JSON"}};

using Facts = std::vector<std::pair<std::string, std::string>>;

std::string Compiler() {
#if defined(__clang__)
  return fmt::format("clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  return fmt::format("gcc {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
}

std::string CpuFeatures() {
#if defined(__x86_64__)
  std::string out;
  const auto add = [&](bool there, std::string_view name) {
    if (there) out += Concat(out.empty() ? "" : " ", name);
  };
  add(__builtin_cpu_supports("sse4.2"), "sse4.2");
  add(__builtin_cpu_supports("avx"), "avx");
  add(__builtin_cpu_supports("avx2"), "avx2");
  add(__builtin_cpu_supports("fma"), "fma");
  add(__builtin_cpu_supports("f16c"), "f16c");
  add(__builtin_cpu_supports("avx512f"), "avx512f");
  add(__builtin_cpu_supports("avx512bw"), "avx512bw");
  add(__builtin_cpu_supports("avx512vnni"), "avx512vnni");
  return out;
#else
  return "those of the build";
#endif
}

std::string SimdLevels() {
  std::string out;
  for (const kernels::SimdLevel level : kernels::AvailableSimd()) {
    out += Concat(out.empty() ? "" : " ", kernels::SimdName(level));
  }
  return out;
}

// Folders in which Python keeps packages: those of the environment, of the python3 that is found first, and of the
// system. Nothing is run.
std::vector<fs::path> PackageFolders() {
  std::vector<fs::path> roots;
  if (const char* env = std::getenv("VIRTUAL_ENV")) roots.emplace_back(env);
  if (const char* path = std::getenv("PATH")) {
    for (const std::string_view folder : Split(path, ':')) {
      std::error_code ignored;
      if (!folder.empty() && fs::exists(fs::path(folder) / "python3", ignored)) {
        roots.push_back(fs::path(folder).parent_path());
      }
    }
  }
  if (const char* home = std::getenv("HOME")) roots.push_back(fs::path(home) / ".local");
  roots.emplace_back("/usr/local");
  roots.emplace_back("/usr");
  std::vector<fs::path> out;
  for (const fs::path& root : roots) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(root / "lib", ignored)) {
      if (!entry.path().filename().string().starts_with("python3")) continue;
      out.push_back(entry.path() / "site-packages");
      out.push_back(entry.path() / "dist-packages");
    }
  }
  return out;
}

std::string FindIn(const fs::path& folder, std::string_view prefix) {
  std::error_code ignored;
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix) && name.find("providers") == std::string::npos) found.push_back(entry.path().string());
  }
  return found.empty() ? std::string() : *std::min_element(found.begin(), found.end());
}

// Where a runtime's library lies: as a Python package brings it, or where the loader looks.
std::string FindLibrary(std::span<const std::string_view> packages, std::string_view prefix) {
  for (const fs::path& folder : PackageFolders()) {
    for (const std::string_view package : packages) {
      if (std::string found = FindIn(folder / package, prefix); !found.empty()) return found;
    }
  }
  if (const char* path = std::getenv("LD_LIBRARY_PATH")) {
    for (const std::string_view folder : Split(path, ':')) {
      if (std::string found = folder.empty() ? "" : FindIn(folder, prefix); !found.empty()) return found;
    }
  }
  for (const char* folder : {"/usr/local/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"}) {
    if (std::string found = FindIn(folder, prefix); !found.empty()) return found;
  }
  return "absent";
}

Facts Examine() {
  constexpr std::string_view kOrt[] = {"onnxruntime/capi"};
  constexpr std::string_view kLiteRt[] = {"ai_edge_litert", "litert"};
  return {
      {"version", GODWIT_VERSION},
      {"compiler", Compiler()},
      {"processors", std::to_string(std::max(1U, std::thread::hardware_concurrency()))},
      {"cpu", CpuFeatures()},
      {"simd", SimdLevels()},
      {"memory",
       HumanBytes(static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)))},
      {"fmt", fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
      {"zlib", zlibVersion()},
      {"onnxruntime", FindLibrary(kOrt, "libonnxruntime.so")},
      {"litert", FindLibrary(kLiteRt, "libLiteRt.so")},
  };
}

int Run(const Args& args) {
  const Facts facts = Examine();
  if (args.Has("--json")) {
    std::string out = "{";
    for (const auto& [key, value] : facts) {
      out += Concat(out.size() > 1 ? "," : "", JsonQuote(key), ":", value == "absent" ? "null" : JsonQuote(value));
    }
    fmt::print("{}}}\n", out);
    return 0;
  }
  for (const auto& [key, value] : facts) fmt::print("  {:12} {}\n", key, Printable(value, 300));
  return 0;
}

}  // namespace

extern const Verb kDoctorVerb = {
    "doctor",   "Shows what this installation can do: version, processor, instruction sets, other runtimes found.",
    "[--json]", "godwit doctor",
    kOptions,   false,
    0,          0,
    "",         Run,
};

}  // namespace godwit::tools
