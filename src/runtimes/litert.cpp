#include "runtimes/litert.h"

#include <dlfcn.h>

#include <filesystem>
#include <functional>
#include <memory>

#include "base/text.h"
#include "runtimes/find_library.h"
#include "runtimes/litert_model.h"
#include "runtimes/muffled.h"
#include "runtimes/runtime.h"

namespace godwit::runtimes {

namespace litert {

Status Check(const Calls& calls, int status, std::string_view doing, const std::string& said) {
  if (status == 0) return Ok{};
  const char* name = calls.LiteRtGetStatusString(status);
  const std::string why = !said.empty() ? said : name != nullptr ? name : "failed";
  // What this interface does not carry, other ways into the same runtime may.
  const bool no_way =
      why.find("not currently supported") != std::string::npos || why.find("not yet supported") != std::string::npos;
  return Diag(no_way ? diag::kRuntimeValue : diag::kRuntimeRefused,
              Concat("LiteRT, ", doing, ": ", Printable(why, 300)));
}

}  // namespace litert

namespace {

using litert::Calls;
using litert::Check;

constexpr int kCpu = 1;

// The processor's options in the two forms that versions have.
Status SetThreads(const Calls& calls, int threads, litert::LiteRtOptions* options) {
  litert::LiteRtOpaqueOptions* opaque = nullptr;
  litert::LiteRtCpuOptions* cpu = nullptr;
  if (calls.LrtCreateCpuOptions != nullptr && calls.LrtGetOpaqueCpuOptionsData != nullptr &&
      calls.LrtSetCpuOptionsNumThread != nullptr && calls.LiteRtCreateOpaqueOptions != nullptr) {
    RETURN_IF_ERROR(Check(calls, calls.LrtCreateCpuOptions(&cpu), "setting up"));
    const char* name = nullptr;
    void* payload = nullptr;
    void (*release)(void*) = nullptr;
    Status set = Check(calls, calls.LrtSetCpuOptionsNumThread(cpu, threads), "setting up");
    if (set.ok()) set = Check(calls, calls.LrtGetOpaqueCpuOptionsData(cpu, &name, &payload, &release), "setting up");
    if (set.ok()) set = Check(calls, calls.LiteRtCreateOpaqueOptions(name, payload, release, &opaque), "setting up");
    if (calls.LrtDestroyCpuOptions != nullptr) calls.LrtDestroyCpuOptions(cpu);
    RETURN_IF_ERROR(std::move(set));
  } else if (calls.LiteRtCreateCpuOptions != nullptr && calls.LiteRtFindCpuOptions != nullptr &&
             calls.LiteRtSetCpuOptionsNumThread != nullptr) {
    RETURN_IF_ERROR(Check(calls, calls.LiteRtCreateCpuOptions(&opaque), "setting up"));
    RETURN_IF_ERROR(Check(calls, calls.LiteRtFindCpuOptions(opaque, &cpu), "setting up"));
    RETURN_IF_ERROR(Check(calls, calls.LiteRtSetCpuOptionsNumThread(cpu, threads), "setting up"));
  } else {
    return Ok{};
  }
  return Check(calls, calls.LiteRtAddOpaqueOptions(options, opaque), "setting up");
}

class LiteRtRuntime : public Runtime {
 public:
  LiteRtRuntime(const Calls& calls, litert::LiteRtEnvironment* env, std::string version, std::string library)
      : calls_(calls), env_(env), version_(std::move(version)), library_(std::move(library)) {}

  [[nodiscard]] std::string_view name() const override { return "LiteRT"; }
  [[nodiscard]] const std::string& version() const override { return version_; }
  [[nodiscard]] const std::string& library() const override { return library_; }

  Result<std::unique_ptr<Model>> Open(const std::string& path, const OpenOptions& options) override {
    return OpenGuarded(options, [this, path](litert::Opened* out) {
      return MakeModel(calls_.LiteRtCreateModelFromFile, &out->model, path.c_str());
    });
  }
  Result<std::unique_ptr<Model>> Open(ByteSpan bytes, const OpenOptions& options) override {
    // The runtime reads the bytes as long as the model lives.
    const auto kept = std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.end());
    return OpenGuarded(options, [this, kept](litert::Opened* out) {
      out->keep = kept;
      const void* data = kept->data();
      return MakeModel(calls_.LiteRtCreateModelFromBuffer, &out->model, data, kept->size());
    });
  }

 private:
  // Later versions want the environment first.
  template <class... From>
  int MakeModel(void (*call)(), litert::LiteRtModel** out, From... from) const {
    if (!calls_.models_need_environment()) {
      return reinterpret_cast<int (*)(From..., litert::LiteRtModel**)>(call)(from..., out);
    }
    using WithEnvironment = int (*)(litert::LiteRtEnvironment*, From..., litert::LiteRtModel**);
    return reinterpret_cast<WithEnvironment>(call)(env_, from..., out);
  }

  using Create = std::function<int(litert::Opened*)>;

  Result<std::unique_ptr<Model>> OpenGuarded(const OpenOptions& options, const Create& create) {
    TRY(auto runner, OpenWith(options.threads, create));
    return litert::MakeModel(
        std::move(runner), [this, create](int threads) { return OpenWith(threads, create); }, options.threads);
  }

  Result<std::shared_ptr<litert::Runner>> OpenWith(int threads, const Create& create) {
    const Muffled quiet;
    litert::Opened opened;
    const int made = create(&opened);
    RETURN_IF_ERROR(Check(calls_, made, "opening the model", quiet.Error()));
    const Status compiled = Compile(threads, &opened, quiet);
    if (compiled.ok()) return litert::MakeRunner(calls_, std::move(opened));
    calls_.LiteRtDestroyModel(opened.model);
    return compiled.diag();
  }

  Status Compile(int threads, litert::Opened* opened, const Muffled& quiet) const {
    litert::LiteRtOptions* settings = nullptr;
    RETURN_IF_ERROR(Check(calls_, calls_.LiteRtCreateOptions(&settings), "setting up"));
    const std::unique_ptr<litert::LiteRtOptions, void (*)(litert::LiteRtOptions*)> owner(settings,
                                                                                         calls_.LiteRtDestroyOptions);
    RETURN_IF_ERROR(Check(calls_, calls_.LiteRtSetOptionsHardwareAccelerators(settings, kCpu), "setting up"));
    if (threads > 0) RETURN_IF_ERROR(SetThreads(calls_, threads, settings));
    const int status = calls_.LiteRtCreateCompiledModel(env_, opened->model, settings, &opened->compiled);
    return Check(calls_, status, "opening the model", quiet.Error());
  }

  Calls calls_;
  litert::LiteRtEnvironment* env_;
  std::string version_;
  std::string library_;
};

Diag Unusable(const std::string& path, std::string_view why) {
  return Diag(diag::kRuntimeLibrary, Concat("LiteRT: ", why)).File(path);
}

// The library does not say; the package that brought it does, in the name of a folder beside its own.
std::string VersionOf(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path package = fs::path(path).parent_path();
  const std::string prefix = package.filename().string() + "-", suffix = ".dist-info";
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(package.parent_path(), ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix) && name.ends_with(suffix) && name.size() > prefix.size() + suffix.size()) {
      return name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
    }
  }
  return "of unknown version";
}

Result<std::unique_ptr<Runtime>> Load(const std::string& path) {
  // Never closed: the runtime keeps threads of its own.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = dlerror();
    return Unusable(path, Concat("the library cannot be loaded: ", why != nullptr ? Printable(why, 400) : ""));
  }
  Calls calls;
  std::string missing;
#define GODWIT_LITERT(needed, name, result, ...)                              \
  calls.name = reinterpret_cast<decltype(calls.name)>(dlsym(library, #name)); \
  if (needed && calls.name == nullptr && missing.empty()) missing = #name;
#include "runtimes/litert_calls.def"
#undef GODWIT_LITERT
  if (!missing.empty())
    return Unusable(path, Concat("the library has no ", missing, ": it is another one, or too old"));
  litert::LiteRtEnvironment* env = nullptr;
  const Muffled quiet;
  RETURN_IF_ERROR(Check(calls, calls.LiteRtCreateEnvironment(0, nullptr, &env), "starting"));
  return std::unique_ptr<Runtime>(std::make_unique<LiteRtRuntime>(calls, env, VersionOf(path), path));
}

}  // namespace

Result<Runtime*> FindLiteRt(const std::string& path) {
  return FindRuntime({"LiteRT", "GODWIT_LITERT", "ai_edge_litert", "libLiteRt.so", "ai-edge-litert", Load}, path);
}

}  // namespace godwit::runtimes
