#include "api/inputs.h"

#include <fmt/format.h>

#include <cmath>
#include <deque>
#include <unordered_map>

#include "api/arrays.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "exec/session.h"
#include "formats/sniff.h"
#include "frontends/onnx/tensor_import.h"
#include "ir/convert.h"
#include "ops/ops.h"

namespace godwit {

namespace {

// SplitMix64: a full-period sequence that any machine reproduces.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  /// In [0, 1), exactly representable in f32.
  double Unit() { return static_cast<double>(Next() >> 40) * 0x1p-24; }
  /// From `least` to `most`, both included.
  int64_t Between(int64_t least, int64_t most) {
    const uint64_t count = static_cast<uint64_t>(most) - static_cast<uint64_t>(least) + 1;
    const uint64_t pick = count == 0 ? Next() : Next() % count;
    return static_cast<int64_t>(static_cast<uint64_t>(least) + pick);
  }

 private:
  uint64_t state_;
};

struct Range {
  double least = 0, most = 1;
  bool stated = false;  // by the caller: floats may reach `most` only by rounding, integers do
  bool everywhere = false;
};

// What stands for one input on the command line.
struct Stated {
  std::string file;
  std::string text;
  Range range;
};

using Sizes = std::vector<std::pair<std::string, int64_t>>;

// Operators through which an index passes unchanged.
bool KeepsValues(const OpDef* op) {
  static const std::vector<const OpDef*> kOps = [] {
    std::vector<const OpDef*> out;
    for (const char* name : {"cast", "reshape", "squeeze", "unsqueeze", "expand", "transpose", "identity", "flatten"}) {
      if (const OpDef* found = ops::Find(name)) out.push_back(found);
    }
    return out;
  }();
  for (const OpDef* known : kOps) {
    if (op == known) return true;
  }
  return false;
}

// The smallest axis that the input picks from, as far as gathers of the main region show it; 0 when none does.
int64_t IndexBound(const Graph& graph, ValueId input) {
  std::unordered_map<uint32_t, std::vector<NodeId>> uses;
  for (const NodeId id : graph.region(Graph::main()).nodes) {
    for (const ValueId v : graph.node(id).in) {
      if (v) uses[v.index].push_back(id);
    }
  }
  int64_t bound = 0;
  std::deque<ValueId> open = {input};
  std::unordered_map<uint32_t, bool> seen;
  while (!open.empty()) {
    const ValueId v = open.front();
    open.pop_front();
    if (seen[v.index]) continue;
    seen[v.index] = true;
    for (const NodeId id : uses[v.index]) {
      const Node& node = graph.node(id);
      if (KeepsValues(node.op) && node.in[0] == v && !node.out.empty() && node.out[0]) open.push_back(node.out[0]);
      if (node.op != &ops::kGather || node.in.size() < 2 || node.in[1] != v || !node.in[0]) continue;
      const Type& data = graph.value(node.in[0]).type;
      if (!data.ranked() || data.rank() == 0) continue;
      int64_t axis = node.attrs.Int("axis");
      if (axis < 0) axis += data.rank();
      if (axis < 0 || axis >= data.rank()) continue;
      const Dim& dim = data.shape()[static_cast<size_t>(axis)];
      if (dim.is_static() && dim.value() > 0 && (bound == 0 || dim.value() < bound)) bound = dim.value();
    }
  }
  return bound;
}

Diag BadSample(std::string what) {
  return Diag(diag::kUsage, std::move(what)).Hint("--sample NAME=FILE.npy, NAME=0.5 or NAME=0:255");
}

Result<std::map<size_t, Stated>> ReadSamples(const Graph& graph, const std::vector<std::string>& samples) {
  const std::vector<ValueId>& params = graph.region(Graph::main()).params;
  std::map<size_t, Stated> out;
  for (const std::string& sample : samples) {
    size_t index = params.size(), length = 0;
    std::string known;
    for (size_t i = 0; i < params.size(); ++i) {
      const std::string& name = graph.value(params[i]).name;
      known += Concat(known.empty() ? "'" : ", '", Printable(name, 100), "'");
      // Names may hold '=' themselves: the longest that fits is meant.
      if (sample.starts_with(name + "=") && name.size() >= length) index = i, length = name.size();
    }
    if (index == params.size()) {
      if (sample.find('=') == std::string::npos) return BadSample(Concat("--sample ", sample, " is not NAME=VALUE"));
      return Diag(diag::kExecInput, Concat("--sample ", sample, ": the model has no input of that name"))
          .Hint(known.empty() ? "it has no inputs" : Concat("its inputs are ", known));
    }
    const std::string& name = graph.value(params[index]).name;
    if (out.contains(index)) return BadSample(Concat("two values are given for input '", name, "'"));
    Stated stated;
    stated.text = sample.substr(length + 1);
    const std::string& text = stated.text;
    const size_t colon = text.find(':');
    Range& r = stated.range;
    if (ParseDouble(text, &r.least) || text == "true" || text == "false") {
      if (text == "true" || text == "false") r.least = text == "true" ? 1 : 0;
      r.most = r.least, r.stated = r.everywhere = true;
    } else if (colon != std::string::npos && ParseDouble(text.substr(0, colon), &r.least) &&
               ParseDouble(text.substr(colon + 1), &r.most)) {
      if (!std::isfinite(r.least) || !std::isfinite(r.most) || r.least > r.most) {
        return BadSample(Concat("--sample ", sample, ": the range is empty or has no end"));
      }
      r.stated = true;
    } else if (graph.value(params[index]).type.dtype() != DType::kString || text.ends_with(".npy") ||
               text.ends_with(".npz") || text.ends_with(".pb")) {
      stated.file = text;
    }
    out.emplace(index, std::move(stated));
  }
  return out;
}

Result<RtValue> Draw(const Graph& graph, ValueId id, const Type& type, const Stated* stated, const Sizes& sizes,
                     Random* random) {
  const std::string& name = graph.value(id).name;
  if (type.kind() == Type::Kind::kSequence) {
    TRY(RtValue element, Draw(graph, id, type.element(), stated, sizes, random));
    return RtValue::Sequence({std::move(element)});
  }
  if (type.kind() == Type::Kind::kOptional) return Draw(graph, id, type.element(), stated, sizes, random);
  if (!type.is_tensor() || type.dtype() == DType::kNone || !type.ranked()) {
    return Diag(diag::kExecInput, Concat("input '", name, "' is ", type.ToString(), ": nothing can be drawn for it"))
        .Hint(Concat(
            "--sample ", name, "=FILE.npy",
            type.is_tensor() && type.dtype() != DType::kNone ? Concat(", or --shape ", name, "=1,3,224,224") : ""));
  }
  Dims dims;
  for (const Dim& d : type.shape()) {
    const Dim sized = d.Substitute([&](const std::string& symbol) -> std::optional<Dim> {
      for (const auto& [known, size] : sizes) {
        if (known == symbol) return Dim(size);
      }
      return Dim(1);
    });
    if (!sized.is_static() || sized.value() < 0) {
      return Diag(diag::kExecInput, Concat("input '", name, "': the size ", d.ToString(), " is not known"))
          .Hint(Concat("--shape ", name, "=1,3,224,224"));
    }
    dims.push_back(sized.value());
  }
  const DType dtype = type.dtype();
  TRY(Tensor tensor, Tensor::Make(dtype, dims));
  if (dtype == DType::kString) {
    const StringRef text = Intern(stated != nullptr ? stated->text : "a");
    for (int64_t i = 0; i < tensor.size(); ++i) tensor.mutable_data<StringRef>()[i] = text;
    return RtValue(std::move(tensor));
  }
  const size_t unit = ByteSize(dtype);
  const Range range = stated != nullptr ? stated->range : Range{};
  if (IsInteger(dtype) || dtype == DType::kBool) {
    // 2^63 itself is no int64; every double below it that is whole is one.
    const double lowest = std::max(dtype == DType::kBool ? 0.0 : static_cast<double>(IntMin(dtype)), -0x1p63);
    const double highest = dtype == DType::kBool ? 1.0 : static_cast<double>(IntMax(dtype));
    if (!(range.least >= lowest && range.most <= highest) || range.most >= 0x1p63 ||
        std::trunc(range.least) != range.least || std::trunc(range.most) != range.most) {
      return Diag(diag::kExecInput, fmt::format("{} does not fit input '{}' of {}", stated->text, name, Name(dtype)));
    }
    auto least = static_cast<int64_t>(range.least), most = static_cast<int64_t>(range.most);
    if (!range.stated && IsInteger(dtype)) {
      if (const int64_t bound = IndexBound(graph, id); bound > 0) most = std::min(bound - 1, IntMax(dtype));
    }
    for (int64_t i = 0; i < tensor.size(); ++i) {
      StoreI64(dtype, random->Between(least, most), tensor.mutable_raw() + static_cast<size_t>(i) * unit);
    }
    return RtValue(std::move(tensor));
  }
  for (int64_t i = 0; i < tensor.size(); ++i) {
    std::byte* element = tensor.mutable_raw() + static_cast<size_t>(i) * unit;
    const auto next = [&] {
      return range.everywhere ? range.least : range.least + (range.most - range.least) * random->Unit();
    };
    if (IsComplex(dtype)) {
      const double real = next();
      StoreComplex(dtype, {real, range.everywhere ? 0.0 : next()}, element);
    } else {
      StoreF64(dtype, next(), element);
    }
  }
  return RtValue(std::move(tensor));
}

}  // namespace

Result<RtValue> ReadInputFile(const std::string& path, std::string_view name, const Type& type, const Limits& limits) {
  TRY(MappedFile::Ptr file, MappedFile::Open(path, limits));
  const auto in_file = [&](Diag diag) {
    if (diag.file.empty()) diag.file = path;
    return diag;
  };
  const FileKind kind = Sniff(file->bytes());
  const DType dtype = type.dtype();
  if (kind == FileKind::kNpy) {
    auto array = ReadNpy(file->bytes(), limits);
    if (!array.ok()) return in_file(std::move(array.diag()));
    auto tensor = TensorFromNpy(*array, dtype, file);
    if (!tensor.ok()) return in_file(std::move(tensor.diag()));
    return RtValue(*std::move(tensor));
  }
  if (kind == FileKind::kNpz) {
    auto members = ReadNpz(file->bytes(), limits);
    if (!members.ok()) return in_file(std::move(members.diag()));
    const NamedNpy* found = members->size() == 1 ? &members->front() : nullptr;
    for (const NamedNpy& m : *members) {
      if (m.name == name) found = &m;
    }
    if (found == nullptr) {
      return in_file(Diag(diag::kExecInput, Concat("the archive has no array named '", name, "'")));
    }
    auto tensor = TensorFromNpy(found->array, dtype, file);
    if (!tensor.ok()) return in_file(std::move(tensor.diag()));
    return RtValue(*std::move(tensor));
  }
  if (kind != FileKind::kUnknown && kind != FileKind::kOnnx && !path.ends_with(".pb")) {
    return in_file(Diag(diag::kFormatOther, Concat("this is ", Describe(kind), ", not values for an input"))
                       .Hint("give a .npy, a .npz, or an ONNX tensor (.pb)"));
  }
  auto value = from_onnx::LoadTestData(file, type);
  if (!value.ok()) return in_file(std::move(value.diag()));
  return value;
}

Result<std::vector<RtValue>> MakeInputs(const Graph& graph, const InputOptions& options) {
  const std::vector<ValueId>& params = graph.region(Graph::main()).params;
  TRY(auto stated, ReadSamples(graph, options.samples));
  std::vector<RtValue> values(params.size());
  Sizes sizes;
  // What is read decides the sizes of what is drawn.
  for (const auto& [index, sample] : stated) {
    if (sample.file.empty()) continue;
    const Value& param = graph.value(params[index]);
    auto value = ReadInputFile(sample.file, param.name, param.type, options.limits);
    if (!value.ok()) {
      if (value.diag().id == diag::kFileOpen.id && value.diag().hint.empty()) {
        value.diag().hint = Concat("a value for '", param.name, "' is a file, a number, or a range lo:hi");
      }
      return value.TakeDiag();
    }
    values[index] = *std::move(value);
    RETURN_IF_ERROR(CheckInput(graph, index, values[index], &sizes));
  }
  for (size_t i = 0; i < params.size(); ++i) {
    if (!values[i].absent()) continue;
    const auto it = stated.find(i);
    Random random(options.seed * 0x100000001B3ULL + i);
    TRY(values[i], Draw(graph, params[i], graph.value(params[i]).type, it == stated.end() ? nullptr : &it->second,
                        sizes, &random));
  }
  return values;
}

}  // namespace godwit
