#include "ops/sample_graph.h"

#include "base/text.h"
#include "ir/convert.h"
#include "ir/text.h"

namespace godwit::test {

namespace {

// Numbers that most operators find agreeable: floats in (-2, 2), integers 0 to 3 (down to -3 where signed allows it
// are left to the samples that fix contents, since many integer operands are indices).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15U + 1) {}
  uint64_t Next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }

 private:
  uint64_t state_;
};

Tensor RandomTensor(DType dtype, Dims dims, Random* random) {
  Tensor t(dtype, std::move(dims));
  const size_t step = ByteSize(dtype);
  for (int64_t i = 0; i < t.size(); ++i) {
    std::byte* element = t.mutable_raw() + static_cast<size_t>(i) * step;
    const uint64_t r = random->Next() >> 20;
    if (dtype == DType::kString) {
      t.mutable_data<StringRef>()[i] = Intern("s" + std::to_string(r % 3));
    } else if (IsFloat(dtype) || IsComplex(dtype)) {
      StoreF64(dtype, static_cast<double>(r % 4001) / 1000.0 - 2.0, element);
    } else {
      StoreI64(dtype, static_cast<int64_t>(r % (dtype == DType::kBool ? 2 : 3)), element);
    }
  }
  return t;
}

Dims ConcreteDims(const Type& type) {
  Dims dims;
  for (const Dim& d : type.shape()) dims.push_back(d.known().value_or(2));
  return dims;
}

RtValue RandomValue(const Type& type, Random* random) {
  switch (type.kind()) {
    case Type::Kind::kTensor: return RandomTensor(type.dtype(), ConcreteDims(type), random);
    case Type::Kind::kSequence: {
      std::vector<RtValue> elements;
      for (int i = 0; i < 3; ++i) elements.push_back(RandomValue(type.element(), random));
      return RtValue::Sequence(std::move(elements));
    }
    case Type::Kind::kOptional: return RandomValue(type.element(), random);
    case Type::Kind::kMap: {
      RtMap map;
      map.keys = Tensor(type.key(), {2});
      for (int64_t i = 0; i < 2; ++i) {
        if (type.key() == DType::kString) {
          map.keys.mutable_data<StringRef>()[i] = Intern("k" + std::to_string(i));
        } else {
          StoreI64(type.key(), i, map.keys.mutable_raw() + static_cast<size_t>(i) * ByteSize(type.key()));
        }
        map.values.push_back(RandomValue(type.element(), random));
      }
      return RtValue::Map(std::move(map));
    }
    default: return {};
  }
}

}  // namespace

Result<std::vector<SampleOperand>> MakeOperands(const Sample& sample, uint64_t seed) {
  Random random(seed);
  std::vector<SampleOperand> out;
  for (std::string_view text : sample.operands) {
    SampleOperand& operand = out.emplace_back();
    if (text.empty()) continue;
    const size_t equals = text.find(" = ");
    TRY(operand.type, Type::Parse(text.substr(0, equals)));
    if (equals == std::string_view::npos) {
      operand.value = RandomValue(operand.type, &random);
      continue;
    }
    std::string_view contents = Trim(text.substr(equals + 3));
    if (!contents.empty() && contents.front() == '[') contents = contents.substr(1, contents.size() - 2);
    TRY(const AttrValue value,
        ParseAttr(AttrKind::kTensor, Concat("tensor ", operand.type.ToString(), " [", contents, "]")));
    operand.value = std::get<Tensor>(value);
    operand.fixed = true;
  }
  return out;
}

SampleGraph MakeGraph(const OpDef& op, const Sample& sample, const std::vector<SampleOperand>& operands,
                      const DimRewrite& shape) {
  SampleGraph out;
  std::vector<ValueId> in;
  for (size_t i = 0; i < operands.size(); ++i) {
    const SampleOperand& operand = operands[i];
    if (operand.value.absent()) {
      in.emplace_back();
    } else if (operand.fixed) {
      in.push_back(out.graph.AddConstant(operand.value.tensor));
    } else {
      Type type = operand.type;
      if (shape && type.is_tensor()) {
        for (size_t axis = 0; axis < type.shape().size(); ++axis) {
          Dim& d = type.tensor().shape[axis];
          if (d.is_static()) d = shape(i, axis, d.value());
        }
      }
      in.push_back(out.graph.AddParam(Graph::main(), std::move(type), "x" + std::to_string(i)));
    }
  }
  out.node = out.graph.AddNode(Graph::main(), op, std::move(in), sample.n_out, sample.attrs);
  out.graph.region(Graph::main()).results = out.graph.node(out.node).out;
  return out;
}

std::string Describe(const OpDef& op, const Sample& sample) {
  std::string out(op.name);
  out += '(';
  for (std::string_view operand : sample.operands) out += Concat(out.back() == '(' ? "" : ", ", operand);
  for (const auto& [name, value] : sample.attrs)
    out += Concat(out.back() == '(' ? "" : ", ", name, "=", AttrText(value));
  return out + ")";
}

}  // namespace godwit::test
