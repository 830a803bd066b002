// godwit's C++ interface: load a trained model, look at its inputs and outputs, run it, convert it.
//
//   std::vector<godwit::Problem> problems;
//   auto model = godwit::Model::Load("model.onnx", {}, &problems);
//   if (!model) { /* problems says why */ }
//   auto outputs = model->Run(model->DrawInputs(), &problems);
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace godwit {

/// What is wrong with a model, or was worth saying about it.
struct Problem {
  std::string id;      ///< stable: "onnx.op.unsupported"; `godwit explain ID` has a page on it
  bool error = false;  ///< else a warning or a note
  int status = 0;      ///< exit status that the command line gives for it
  std::string text;    ///< what, where, why and what to do
};

/// A dense array. Element types are named as everywhere in godwit: "f32", "i64", "u8", "bool", "string" ...
struct Array {
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> bytes;    ///< row-major, little-endian; empty for strings
  std::vector<std::string> texts;  ///< the elements of a "string" array

  template <class T>
  static Array Of(std::vector<std::int64_t> shape, std::span<const T> values);
  /// The elements; T must be the type that `dtype` names.
  template <class T>
  [[nodiscard]] std::span<const T> values() const {
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
};

/// One input or output.
struct Port {
  std::string name;
  std::string type;               ///< "f32[N,3,224,224]"
  std::string dtype;              ///< "" where it is not known, or is no tensor
  std::vector<std::string> dims;  ///< numbers, names, or expressions of names
  bool ranked = false;            ///< false: the number of dims is not known
};

struct Settings {
  int threads = 1;                ///< 0: one for each processor; never changes a result
  bool double_precision = false;  ///< compute every float in f64
  bool reference = false;         ///< no fast paths
  std::uint64_t seed = 0;         ///< for random operators and drawn inputs
  std::map<std::string, std::vector<std::string>> shapes =
      {};                                        ///< dims of inputs, by name: numbers fix, names keep dynamic
  std::vector<std::string> allow_external = {};  ///< further folders in which weights may lie
};

class Model {
 public:
  /// Empty when the model cannot be run; `problems` (may be null) gets everything that was found.
  static std::optional<Model> Load(const std::string& path, const Settings& settings = {},
                                   std::vector<Problem>* problems = nullptr);
  /// The bytes are copied.
  static std::optional<Model> FromMemory(std::span<const std::byte> bytes, const Settings& settings = {},
                                         std::vector<Problem>* problems = nullptr);
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  [[nodiscard]] const std::vector<Port>& inputs() const;
  [[nodiscard]] const std::vector<Port>& outputs() const;

  /// Values in the order of `inputs()`. Inputs that are state of the model may be left out, all of them: they then hold
  /// what the last run left. One run at a time.
  std::optional<std::vector<Array>> Run(const std::vector<Array>& inputs, std::vector<Problem>* problems = nullptr);
  /// Seeded values that fit the inputs; dims that nothing states are 1. Empty when an input leaves too much open.
  std::vector<Array> DrawInputs(std::vector<Problem>* problems = nullptr) const;

 private:
  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl);
  static Model Make(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// How a model is written.
struct WriteSettings {
  Settings reading = {};                 ///< of the source: shapes, folders; threads and seed of the proof
  int opset = 0;                         ///< ONNX operator set; 0: the source's
  int level = 2;                         ///< 0 translate, 1 exact rewrites, 2 reassociating ones, 3 approximate ones
  bool prove = true;                     ///< run the written file beside the source, and write nothing when they differ
  std::vector<std::string> bind = {};    ///< "NAME=FILE.npy", "NAME=16000": inputs that become constants
  std::vector<std::string> cut_in = {};  ///< tensors that become the inputs
  std::vector<std::string> cut_out = {};     ///< tensors that become the outputs
  std::string target = {};                   ///< "tflite@2.14", "onnx@17" ...; empty: what the output's name says
  std::string precision = "f32";             ///< f32, f16, bf16, mixed, f16w
  std::vector<std::string> io_layout = {};   ///< "nhwc", "nchw", "auto", "NAME=nhwc"
  std::vector<std::string> preprocess = {};  ///< "NAME=u8,rgb->bgr,mean=..,scale=..": what the model does itself
};

/// What was written.
struct Written {
  std::uint64_t bytes = 0;
  std::int64_t nodes_before = 0;
  std::int64_t nodes_after = 0;
  int opset = 0;                ///< ONNX
  std::int64_t transposes = 0;  ///< that the layout of the written model needs; 0 where it was not looked at
  std::string runs_in;          ///< the least runtime that takes it, where the format says
  std::string proof;  ///< the lines that say how far the written model is from its source; empty without a proof
};

/// The same format in fewer and cheaper nodes. The file appears whole, or not at all: then the result is empty and
/// `problems` says why.
std::optional<Written> Simplify(const std::string& input, const std::string& output, const WriteSettings& settings = {},
                                std::vector<Problem>* problems = nullptr);

/// From any format that is read to any that is written: by the target, else by the output's name. Otherwise as
/// Simplify.
std::optional<Written> Convert(const std::string& input, const std::string& output, const WriteSettings& settings = {},
                               std::vector<Problem>* problems = nullptr);

/// "0.1.0"
const char* Version();

template <class T>
Array Array::Of(std::vector<std::int64_t> shape, std::span<const T> values) {
  static_assert(std::is_arithmetic_v<T>);
  Array out;
  constexpr const char* kKind = std::is_floating_point_v<T> ? "f" : std::is_signed_v<T> ? "i" : "u";
  out.dtype = std::is_same_v<T, bool> ? "bool" : kKind + std::to_string(8 * sizeof(T));
  out.shape = std::move(shape);
  out.bytes.resize(values.size_bytes());
  if (!values.empty()) std::memcpy(out.bytes.data(), values.data(), values.size_bytes());
  return out;
}

}  // namespace godwit
