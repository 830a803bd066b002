// Real runtimes as judges: an adapter opens a runtime's shared library where the user has one and runs a model file in
// it. Nothing is linked against a runtime and none is needed. The foreign library is trusted as its owner trusts it: it
// runs in this process. Tensors cross as plain bytes, so that this room knows nothing of the IR.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace godwit::runtimes {

enum class Element : uint8_t {
  kNone,
  kF32,
  kU8,
  kI8,
  kU16,
  kI16,
  kI32,
  kI64,
  kString,
  kBool,
  kF16,
  kF64,
  kU32,
  kU64,
  kC64,
  kC128,
  kBF16,
  kF8E4M3FN,
  kF8E4M3FNUZ,
  kF8E5M2,
  kF8E5M2FNUZ,
  kU4,
  kI4,
  kF4E2M1,
  kU2,
  kI2,
};

/// A dense tensor: row-major, little-endian; elements of less than a byte are packed from the low bits up.
struct Array {
  Element element = Element::kNone;
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes;
  std::vector<std::string> texts;  ///< the elements, where they are strings
};

/// Bits an element takes; 0 for kNone and strings.
int BitsOf(Element element);

struct Port {
  std::string name;
  Element element = Element::kNone;  ///< kNone: not a tensor
  std::vector<int64_t> shape;        ///< -1: dynamic
};

struct OpenOptions {
  int threads = 1;  ///< below 1: as the runtime chooses
  /// What the runtime may do to the model before it runs: nothing, what keeps it portable, everything.
  enum class Optimise : uint8_t { kNone, kBasic, kAll } optimise = Optimise::kAll;
};

/// A model that is ready to run.
class Model {
 public:
  virtual ~Model() = default;
  [[nodiscard]] virtual const std::vector<Port>& inputs() const = 0;
  [[nodiscard]] virtual const std::vector<Port>& outputs() const = 0;
  /// One array for each input, in their order. The arrays must outlive the call.
  virtual Result<std::vector<Array>> Run(std::span<const Array> inputs) = 0;
};

class Runtime {
 public:
  virtual ~Runtime() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;       ///< "ONNX Runtime"
  [[nodiscard]] virtual const std::string& version() const = 0;  ///< "1.20.1"
  [[nodiscard]] virtual const std::string& library() const = 0;  ///< the file it was loaded from
  virtual Result<std::unique_ptr<Model>> Open(const std::string& path, const OpenOptions& options) = 0;
  virtual Result<std::unique_ptr<Model>> Open(ByteSpan model, const OpenOptions& options) = 0;
};

/// ONNX Runtime: the library at `path`, or with none given the one that $GODWIT_ONNXRUNTIME names, or the first of the
/// usual places that has one. runtime.absent when there is none, runtime.library when it cannot be used. The runtime
/// stays loaded until the program ends.
Result<Runtime*> FindOnnxRuntime(const std::string& path = {});
/// LiteRT, which runs TFLite models: the same with $GODWIT_LITERT.
Result<Runtime*> FindLiteRt(const std::string& path = {});

}  // namespace godwit::runtimes
