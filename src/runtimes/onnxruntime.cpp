#include "runtimes/onnxruntime.h"

#include <dlfcn.h>

#include <memory>

#include "base/text.h"
#include "runtimes/find_library.h"
#include "runtimes/onnxruntime_model.h"
#include "runtimes/runtime.h"

namespace godwit::runtimes {

namespace ort {

Calls CallsOf(const void* const* table) {
  Calls calls;
#define GODWIT_ORT(position, name, result, ...) \
  calls.name = reinterpret_cast<result (*)(__VA_ARGS__)>(const_cast<void*>(table[position]));
#include "runtimes/onnxruntime_calls.def"
#undef GODWIT_ORT
  return calls;
}

Status Check(const Calls& calls, OrtStatus* status, std::string_view doing) {
  if (status == nullptr) return Ok{};
  const std::string message = calls.GetErrorMessage(status);
  calls.ReleaseStatus(status);
  return Diag(diag::kRuntimeRefused, Concat("ONNX Runtime, ", doing, ": ", Printable(message, 600)));
}

}  // namespace ort

namespace {

using ort::Calls;
using ort::Check;

constexpr int kLogErrors = 3;

class OnnxRuntime : public Runtime {
 public:
  OnnxRuntime(const Calls& calls, ort::OrtEnv* env, std::string version, std::string library)
      : calls_(calls), env_(env), version_(std::move(version)), library_(std::move(library)) {}

  [[nodiscard]] std::string_view name() const override { return "ONNX Runtime"; }
  [[nodiscard]] const std::string& version() const override { return version_; }
  [[nodiscard]] const std::string& library() const override { return library_; }

  Result<std::unique_ptr<Model>> Open(const std::string& path, const OpenOptions& options) override {
    return OpenWith(options, [&](const ort::OrtSessionOptions* settings, ort::OrtSession** session) {
      return calls_.CreateSession(env_, path.c_str(), settings, session);
    });
  }
  Result<std::unique_ptr<Model>> Open(ByteSpan model, const OpenOptions& options) override {
    return OpenWith(options, [&](const ort::OrtSessionOptions* settings, ort::OrtSession** session) {
      return calls_.CreateSessionFromArray(env_, model.data(), model.size(), settings, session);
    });
  }

 private:
  template <class Create>
  Result<std::unique_ptr<Model>> OpenWith(const OpenOptions& options, Create&& create) {
    ort::OrtSessionOptions* settings = nullptr;
    RETURN_IF_ERROR(Check(calls_, calls_.CreateSessionOptions(&settings), "setting up"));
    const std::unique_ptr<ort::OrtSessionOptions, void (*)(ort::OrtSessionOptions*)> owner(
        settings, calls_.ReleaseSessionOptions);
    // The runtime's own numbers for its levels of optimisation.
    const int level = options.optimise == OpenOptions::Optimise::kNone    ? 0
                      : options.optimise == OpenOptions::Optimise::kBasic ? 1
                                                                          : 99;
    RETURN_IF_ERROR(Check(calls_, calls_.SetSessionGraphOptimizationLevel(settings, level), "setting up"));
    RETURN_IF_ERROR(Check(calls_, calls_.SetSessionLogSeverityLevel(settings, kLogErrors), "setting up"));
    if (options.threads > 0) {
      RETURN_IF_ERROR(Check(calls_, calls_.SetIntraOpNumThreads(settings, options.threads), "setting up"));
    }
    RETURN_IF_ERROR(Check(calls_, calls_.SetInterOpNumThreads(settings, 1), "setting up"));
    ort::OrtSession* session = nullptr;
    RETURN_IF_ERROR(Check(calls_, create(settings, &session), "opening the model"));
    return ort::MakeModel(calls_, session);
  }

  Calls calls_;
  ort::OrtEnv* env_;
  std::string version_;
  std::string library_;
};

Diag Unusable(const std::string& path, std::string_view why) {
  return Diag(diag::kRuntimeLibrary, Concat("ONNX Runtime: ", why)).File(path);
}

Result<std::unique_ptr<Runtime>> Load(const std::string& path) {
  // Never closed: the runtime keeps threads of its own.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = dlerror();
    return Unusable(path, Concat("the library cannot be loaded: ", why != nullptr ? Printable(why, 400) : ""));
  }
  const auto get_base = reinterpret_cast<const ort::ApiBase* (*)()>(dlsym(library, "OrtGetApiBase"));
  if (get_base == nullptr) return Unusable(path, "the library has no OrtGetApiBase: it is another one");
  const ort::ApiBase* base = get_base();
  if (base == nullptr || base->get_api == nullptr || base->get_version == nullptr) {
    return Unusable(path, "the library gives no interface");
  }
  const std::string version = base->get_version();
  const void* const* table = base->get_api(ort::kApiVersion);
  if (table == nullptr) return Unusable(path, Concat("version ", version, " is too old; 1.8 is the first that serves"));
  const Calls calls = ort::CallsOf(table);
  ort::OrtEnv* env = nullptr;
  RETURN_IF_ERROR(Check(calls, calls.CreateEnv(kLogErrors, "godwit", &env), "starting"));
  return std::unique_ptr<Runtime>(std::make_unique<OnnxRuntime>(calls, env, version, path));
}

}  // namespace

Result<Runtime*> FindOnnxRuntime(const std::string& path) {
  return FindRuntime(
      {"ONNX Runtime", "GODWIT_ONNXRUNTIME", "onnxruntime/capi", "libonnxruntime.so", "onnxruntime", Load}, path);
}

}  // namespace godwit::runtimes
