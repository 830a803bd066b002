#include "verify/samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "exec/session.h"
#include "ir/convert.h"
#include "ir/state.h"
#include "verify/index_range.h"

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

// How far out large values of an input without a stated range lie.
constexpr double kLargeReach = 100;

class Drawing {
 public:
  Drawing(const Graph& graph, const SampleRequest& request, DimSizes sizes)
      : graph_(graph), request_(request), sizes_(std::move(sizes)) {}

  Result<RtValue> Draw(ValueId id, const Type& type, const InputSpec& spec, Random* random) const {
    if (type.kind() == Type::Kind::kSequence) {
      TRY(RtValue element, Draw(id, type.element(), spec, random));
      return RtValue::Sequence({std::move(element)});
    }
    if (type.kind() == Type::Kind::kOptional) return Draw(id, type.element(), spec, random);
    TRY(Dims dims, SizesOf(id, type));
    TRY(Tensor tensor, Tensor::Make(type.dtype(), std::move(dims)));
    if (type.dtype() == DType::kString) {
      const StringRef text = Intern(spec.text.empty() ? "a" : std::string_view(spec.text));
      for (int64_t i = 0; i < tensor.size(); ++i) tensor.mutable_data<StringRef>()[i] = text;
    } else if (IsInteger(type.dtype()) || type.dtype() == DType::kBool) {
      RETURN_IF_ERROR(DrawIntegers(id, spec, random, &tensor));
    } else {
      DrawFloats(spec, random, &tensor);
    }
    return RtValue(std::move(tensor));
  }

 private:
  [[nodiscard]] Result<Dims> SizesOf(ValueId id, const Type& type) const {
    const std::string& name = graph_.value(id).name;
    if (!type.is_tensor() || type.dtype() == DType::kNone || !type.ranked()) {
      const bool shapeless = type.is_tensor() && type.dtype() != DType::kNone;
      return Diag(diag::kExecInput, Concat("input '", name, "' is ", type.ToString(), ": nothing can be drawn for it"))
          .Hint(Concat("--sample ", name, "=FILE.npy", shapeless ? Concat(", or --shape ", name, "=1,3,224,224") : ""));
    }
    Dims dims;
    for (const Dim& d : type.shape()) {
      const Dim sized = d.Substitute([&](const std::string& symbol) -> std::optional<Dim> {
        for (const auto& [known, size] : sizes_) {
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
    return dims;
  }

  Status DrawIntegers(ValueId id, const InputSpec& spec, Random* random, Tensor* out) const {
    const DType dtype = out->dtype();
    // 2^63 itself is no int64; every double below it that is whole is one.
    const double lowest = std::max(dtype == DType::kBool ? 0.0 : static_cast<double>(IntMin(dtype)), -0x1p63);
    const double highest = dtype == DType::kBool ? 1.0 : static_cast<double>(IntMax(dtype));
    if (!(spec.least >= lowest && spec.most <= highest) || spec.most >= 0x1p63 ||
        std::trunc(spec.least) != spec.least || std::trunc(spec.most) != spec.most) {
      return Diag(diag::kExecInput,
                  fmt::format("{} does not fit input '{}' of {}", spec.text, graph_.value(id).name, Name(dtype)));
    }
    auto least = static_cast<int64_t>(spec.least), most = static_cast<int64_t>(spec.most);
    const Type& type = graph_.value(id).type;
    if (!spec.ranged && type.is_tensor() && type.tensor().quant != nullptr) {
      // Quantised elements are real numbers: any of them may come.
      least = IntMin(dtype), most = IntMax(dtype);
    } else if (!spec.ranged && IsInteger(dtype)) {
      if (const int64_t bound = IndexBound(graph_, id); bound > 0) most = std::min(bound - 1, IntMax(dtype));
    }
    const uint64_t count = static_cast<uint64_t>(most) - static_cast<uint64_t>(least) + 1;
    for (int64_t i = 0; i < out->size(); ++i) {
      int64_t value = least;
      switch (request_.kind) {
        case SampleKind::kRamp:
          value =
              count == 0 ? i : static_cast<int64_t>(static_cast<uint64_t>(least) + static_cast<uint64_t>(i) % count);
          break;
        case SampleKind::kZeros: value = std::clamp<int64_t>(0, least, most); break;
        case SampleKind::kOnes: value = std::clamp<int64_t>(1, least, most); break;
        case SampleKind::kLarge: value = most; break;
        default: value = random->Between(least, most);
      }
      StoreI64(dtype, value, out->mutable_raw() + static_cast<size_t>(i) * ByteSize(dtype));
    }
    return Ok{};
  }

  void DrawFloats(const InputSpec& spec, Random* random, Tensor* out) const {
    const DType dtype = out->dtype();
    double least = spec.least, most = spec.most;
    if (!spec.ranged && request_.kind == SampleKind::kSigned) least = -1;
    if (!spec.ranged && request_.kind == SampleKind::kLarge) least = -kLargeReach, most = kLargeReach;
    const double last = std::max<double>(1, static_cast<double>(out->size() - 1));
    const auto next = [&](int64_t i) {
      if (least == most) return least;
      switch (request_.kind) {
        case SampleKind::kRamp: return least + (most - least) * (static_cast<double>(i) / last);
        case SampleKind::kZeros: return std::clamp(0.0, least, most);
        case SampleKind::kOnes: return std::clamp(1.0, least, most);
        default: return least + (most - least) * random->Unit();
      }
    };
    for (int64_t i = 0; i < out->size(); ++i) {
      std::byte* element = out->mutable_raw() + static_cast<size_t>(i) * ByteSize(dtype);
      if (IsComplex(dtype)) {
        const double real = next(i);
        StoreComplex(dtype, {real, spec.ranged && least == most ? 0.0 : next(i)}, element);
      } else if (dtype == DType::kF32) {
        reinterpret_cast<float*>(out->mutable_raw())[i] = static_cast<float>(next(i));
      } else {
        StoreF64(dtype, next(i), element);
      }
    }
  }

  const Graph& graph_;
  const SampleRequest& request_;
  DimSizes sizes_;
};

}  // namespace

std::string_view Name(SampleKind kind) {
  switch (kind) {
    case SampleKind::kRandom: return "random";
    case SampleKind::kSigned: return "random, signed";
    case SampleKind::kRamp: return "ramp";
    case SampleKind::kZeros: return "zeros";
    case SampleKind::kOnes: return "ones";
    case SampleKind::kLarge: return "large";
    case SampleKind::kGiven: return "given";
  }
  return "random";
}

Result<std::vector<RtValue>> DrawSample(const Graph& graph, const InputSpecs& specs, const SampleRequest& request) {
  static const InputSpec kFree;
  const std::vector<ValueId>& params = graph.region(Graph::main()).params;
  std::vector<RtValue> values(params.size());
  const auto spec_of = [&](ValueId id) -> const InputSpec& {
    const auto it = specs.find(graph.value(id).name);
    return it == specs.end() ? kFree : it->second;
  };
  // Values that are stated decide the sizes of those that are drawn.
  DimSizes sizes;
  for (size_t i = 0; i < params.size(); ++i) {
    const InputSpec& spec = spec_of(params[i]);
    if (spec.value.absent()) continue;
    values[i] = spec.value;
    RETURN_IF_ERROR(CheckInput(graph, i, values[i], &sizes));
  }
  // State is what a first run finds.
  TRY(const std::vector<StateSlot> states, StatesOf(graph));
  for (const StateSlot& slot : states) {
    for (size_t i = 0; i < params.size(); ++i) {
      if (values[i].absent() && !spec_of(params[i]).ranged && slot.initial.valid() &&
          graph.value(params[i]).name == slot.input)
        values[i] = slot.initial;
    }
  }
  sizes.insert(sizes.end(), request.sizes.begin(), request.sizes.end());
  const Drawing drawing(graph, request, std::move(sizes));
  for (size_t i = 0; i < params.size(); ++i) {
    if (!values[i].absent()) continue;
    Random random(request.seed * 0x100000001B3ULL + i);
    TRY(values[i], drawing.Draw(params[i], graph.value(params[i]).type, spec_of(params[i]), &random));
  }
  return values;
}

}  // namespace godwit
