// Random numbers: of the same distributions, not the same numbers; and bits that a state stands for, which are the
// same.
#include <algorithm>

#include "frontends/tflite/op_import.h"
#include "frontends/tflite/tensor_import.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

// Seeds that are 0 leave the choice to the run.
Attrs Seeded(OpImport& n) {
  Attrs attrs{{"dtype", ToDType(n.OutTensor(0).type)}};
  const auto seed = static_cast<uint64_t>(n.Int("seed")), seed2 = static_cast<uint64_t>(n.Int("seed2"));
  if (seed != 0 || seed2 != 0) attrs.Set("seed", static_cast<int64_t>(seed * 0x9E3779B97F4A7C15ULL + seed2));
  return attrs;
}

void ImportUniform(OpImport& n) { n.Out(0, n.Emit(ops::kRandomUniform, {n.Stored(0)}, Seeded(n))); }
void ImportNormal(OpImport& n) { n.Out(0, n.Emit(ops::kRandomNormal, {n.Stored(0)}, Seeded(n))); }

void ImportMultinomial(OpImport& n) {
  const std::vector<int64_t> samples = n.ConstInts(1);
  if (!n.ok()) return;
  if (samples.size() != 1 || samples[0] < 0) {
    n.BadOption("num_samples", "one number, not negative, is expected");
    return;
  }
  Attrs attrs = Seeded(n);
  attrs.Set("samples", samples[0]);
  n.Out(0, n.Emit(ops::kMultinomial, {n.Stored(0)}, std::move(attrs)));
}

// The counter-based generators of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011), over all
// counters at once: a tensor for each word of a block.
class BitGenerator {
 public:
  explicit BitGenerator(OpImport& n) : n_(n) {}

  ValueId U64(uint64_t v) { return n_.builder().Constant(Tensor::Of<uint64_t>(DType::kU64, {}, std::span(&v, 1))); }
  ValueId U32(uint32_t v) { return n_.builder().Constant(Tensor::Of<uint32_t>(DType::kU32, {}, std::span(&v, 1))); }
  ValueId Xor(ValueId a, ValueId b) { return n_.Emit(ops::kBitwiseXor, {a, b}); }
  ValueId Shift(ValueId x, const char* direction, uint32_t by) {
    const ValueId count = n_.DtypeOf(x) == DType::kU64 ? U64(by) : U32(by);
    return n_.Emit(ops::kBitShift, {x, count}, {{"direction", std::string(direction)}});
  }
  ValueId Low(ValueId x) { return n_.Cast(n_.Emit(ops::kBitwiseAnd, {x, U64(0xFFFFFFFF)}), DType::kU32); }
  ValueId High(ValueId x) { return n_.Cast(Shift(x, "right", 32), DType::kU32); }

  std::vector<ValueId> Threefry(ValueId key, ValueId counter) {
    constexpr uint32_t kTurns[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
    const ValueId k0 = Low(key), k1 = High(key);
    const ValueId keys[3] = {k0, k1, Xor(Xor(k0, k1), U32(0x1BD11BDA))};
    ValueId a = n_.Add(Low(counter), k0), b = n_.Add(High(counter), k1);
    for (uint32_t round = 1; round <= 5; ++round) {
      for (const uint32_t turn : kTurns[(round + 1) % 2]) {
        a = n_.Add(a, b);
        b = Xor(n_.Emit(ops::kBitwiseOr, {Shift(b, "left", turn), Shift(b, "right", 32 - turn)}), a);
      }
      a = n_.Add(a, keys[round % 3]);
      b = n_.Add(b, n_.Add(keys[(round + 1) % 3], U32(round)));
    }
    return {a, b};
  }

  // `high` are the two words of the counter that do not count.
  std::vector<ValueId> Philox(ValueId key, ValueId counter, ValueId high) {
    ValueId k0 = Low(key), k1 = High(key);
    const ValueId same = n_.Emit(ops::kExpand, {high, n_.Emit(ops::kShapeOf, {counter})});
    ValueId c[4] = {Low(counter), High(counter), Low(same), High(same)};
    for (int round = 0; round < 10; ++round) {
      const ValueId p0 = n_.Mul(n_.Cast(c[0], DType::kU64), U64(0xD2511F53));
      const ValueId p1 = n_.Mul(n_.Cast(c[2], DType::kU64), U64(0xCD9E8D57));
      c[0] = Xor(Xor(High(p1), c[1]), k0);
      c[2] = Xor(Xor(High(p0), c[3]), k1);
      c[1] = Low(p1);
      c[3] = Low(p0);
      k0 = n_.Add(k0, U32(0x9E3779B9));
      k1 = n_.Add(k1, U32(0xBB67AE85));
    }
    return {c[0], c[1], c[2], c[3]};
  }

 private:
  OpImport& n_;
};

// The state is a key, a counter of blocks and, for one generator, further bits of the counter.
void ImportBits(OpImport& n) {
  const ValueId state = n.Stored(0);
  const int64_t words = n.DimOf(state, 0);
  if (!n.ok()) return;
  const tflite::Tensor& out = n.OutTensor(1);
  const DType dtype = ToDType(out.type);
  const bool threefry = n.options().Enum<tflite::RngAlgorithm>("algorithm") == tflite::RngAlgorithm::kThreefry;
  if (n.DtypeOf(state) != DType::kU64 || words < 2 || words > (threefry ? 2 : 3) || !IsInteger(dtype) ||
      ByteSize(dtype) < 4) {
    n.Unsupported("a state or a result of another form than its generator has");
    return;
  }
  const bool wide = ByteSize(dtype) == 8;
  int64_t count = wide ? 2 : 1;  // of 32-bit words
  for (const int32_t d : out.shape) {
    if (d < 0 || count > INT32_MAX / std::max(d, 1)) {
      n.Unsupported("a result without a fixed size");
      return;
    }
    count *= d;
  }
  BitGenerator g(n);
  const int64_t block = threefry ? 2 : 4, blocks = (count + block - 1) / block;
  const auto part = [&](int64_t i) { return n.Slice(state, 0, i, i + 1); };
  const auto number = [&](int64_t v) { return n.builder().ScalarI64(v); };
  const ValueId turns = n.Cast(n.Emit(ops::kRange, {number(0), number(blocks), number(1)}), DType::kU64);
  const ValueId counter = n.Add(part(1), turns);
  std::vector<ValueId> lanes =
      threefry ? g.Threefry(part(0), counter) : g.Philox(part(0), counter, words == 3 ? part(2) : part(0));
  for (ValueId& lane : lanes) lane = n.Unsqueeze(lane, {1});
  ValueId y = n.Slice(n.Reshape(n.Emit(ops::kConcat, lanes, {{"axis", int64_t{1}}}), {-1}), 0, 0, count);
  if (wide) {
    const auto half = [&](int64_t from) { return n.Cast(n.Slice(y, 0, from, kToEnd, 2), DType::kU64); };
    y = n.Emit(ops::kBitwiseOr, {half(0), g.Shift(half(1), "left", 32)});
  }
  if (IsSigned(dtype)) y = n.Emit(ops::kBitCast, {y}, {{"to", dtype}});
  std::vector<ValueId> after{part(0), n.Add(part(1), g.U64(static_cast<uint64_t>(blocks)))};
  if (words == 3) after.push_back(part(2));
  n.Out(0, n.Emit(ops::kConcat, after, {{"axis", int64_t{0}}}));
  n.Out(1, n.Reshape(y, {out.shape.begin(), out.shape.end()}));
}

constexpr Rule kRules[] = {
    {B::kMultinomial, Numbers::kStored, ImportMultinomial},
    {B::kRandomStandardNormal, Numbers::kStored, ImportNormal},
    {B::kRandomUniform, Numbers::kStored, ImportUniform},
    {B::kStablehloRngBitGenerator, Numbers::kStored, ImportBits},
};

}  // namespace

extern const RuleSet kRandomRules{kRules};

}  // namespace godwit::from_tflite
