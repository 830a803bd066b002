// godwit doctor: what this installation can do.
#include <unistd.h>
#include <zlib.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/text.h"
#include "exec/kernels/simd.h"
#include "runtimes/runtime.h"
#include "tools/table.h"
#include "tools/verbs.h"

namespace godwit::tools {

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
  // Not every compiler's built-in knows this one.
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  add(__get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0, "f16c");
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

std::string About(const Result<runtimes::Runtime*>& found) {
  if (found.ok()) return Concat((*found)->version(), " ", (*found)->library());
  if (found.diag().id == diag::kRuntimeAbsent.id) return "absent";
  return Concat(found.diag().file, ": ", found.diag().what);
}

Facts Examine() {
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
      {"onnxruntime", About(runtimes::FindOnnxRuntime())},
      {"litert", About(runtimes::FindLiteRt())},
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
