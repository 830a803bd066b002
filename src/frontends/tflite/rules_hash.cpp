// LSH_PROJECTION: the sign of a sum of hashes for each bit. The hash is FarmHash's Fingerprint64, which its authors
// promise never to change, of the bytes of a seed and a row; it is worked out for all seeds and rows at once.
#include <fmt/format.h>

#include "frontends/tflite/op_import.h"
#include "frontends/tflite/tensor_import.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

constexpr uint64_t kOne = 0xB492B66FBE98F273ULL, kTwo = 0x9AE16A3B2F90404FULL;
constexpr int64_t kSeedBytes = 4, kMostBytes = 64, kMostSeeds = 1 << 20;

class Fingerprint {
 public:
  explicit Fingerprint(OpImport& n) : n_(n) {}

  /// Appends elements of so many bytes, as u64, to the key.
  void Append(ValueId elements, int64_t bytes) {
    parts_.push_back({elements, length_, bytes});
    length_ += bytes;
  }
  [[nodiscard]] int64_t length() const { return length_; }

  /// Of keys of 4 to 64 bytes.
  ValueId Of() {
    mul_ = Number(kTwo + static_cast<uint64_t>(length_) * 2);
    const int64_t n = length_;
    if (n < 8) {
      const ValueId u = Add(Number(static_cast<uint64_t>(n)), Left(Fetch(0, 4), 3));
      return Mixed(u, Fetch(n - 4, 4));
    }
    if (n <= 16) {
      const ValueId a = Add(Fetch(0), Number(kTwo)), b = Fetch(n - 8);
      return Mixed(Add(Mul(Rotated(b, 37), mul_), a), Mul(Add(Rotated(a, 25), b), mul_));
    }
    const ValueId a = Mul(Fetch(0), Number(n <= 32 ? kOne : kTwo)), b = Fetch(8);
    const ValueId c = Mul(Fetch(n - 8), mul_), d = Mul(Fetch(n - 16), Number(kTwo));
    const ValueId y = Add(Add(Rotated(Add(a, b), 43), Rotated(c, 30)), d);
    const ValueId z = Mixed(y, Add(Add(a, Rotated(Add(b, Number(kTwo)), 18)), c));
    if (n <= 32) return z;
    const ValueId e = Mul(Fetch(16), mul_), f = Fetch(24);
    const ValueId g = Mul(Add(y, Fetch(n - 32)), mul_), h = Mul(Add(z, Fetch(n - 24)), mul_);
    return Mixed(Add(Add(Rotated(Add(e, f), 43), Rotated(g, 30)), h), Add(Add(e, Rotated(Add(f, a), 18)), g));
  }

  ValueId Number(uint64_t v) { return n_.builder().Constant(Tensor::Of<uint64_t>(DType::kU64, {}, std::span(&v, 1))); }

 private:
  struct Part {
    ValueId value;
    int64_t at = 0, bytes = 0;
  };

  ValueId Add(ValueId a, ValueId b) { return n_.Add(a, b); }
  ValueId Mul(ValueId a, ValueId b) { return n_.Mul(a, b); }
  ValueId Xor(ValueId a, ValueId b) { return n_.Emit(ops::kBitwiseXor, {a, b}); }
  ValueId Shifted(ValueId x, const char* direction, int64_t by) {
    if (by == 0) return x;
    return n_.Emit(ops::kBitShift, {x, Number(static_cast<uint64_t>(by))}, {{"direction", std::string(direction)}});
  }
  ValueId Left(ValueId x, int64_t by) { return Shifted(x, "left", by); }
  ValueId Right(ValueId x, int64_t by) { return Shifted(x, "right", by); }
  ValueId Rotated(ValueId x, int64_t by) { return n_.Emit(ops::kBitwiseOr, {Right(x, by), Left(x, 64 - by)}); }
  ValueId Mixed(ValueId u, ValueId v) {
    ValueId a = Mul(Xor(u, v), mul_);
    a = Xor(a, Right(a, 47));
    ValueId b = Mul(Xor(v, a), mul_);
    b = Xor(b, Right(b, 47));
    return Mul(b, mul_);
  }
  // The bytes from a place on, the first one lowest.
  ValueId Fetch(int64_t from, int64_t bytes = 8) {
    ValueId word;
    for (const Part& p : parts_) {
      if (p.at >= from + bytes || p.at + p.bytes <= from) continue;
      const ValueId here = p.at >= from ? Left(p.value, 8 * (p.at - from)) : Right(p.value, 8 * (from - p.at));
      word = word ? n_.Emit(ops::kBitwiseOr, {word, here}) : here;
    }
    return bytes == 8 ? word : n_.Emit(ops::kBitwiseAnd, {word, Number(0xFFFFFFFF)});
  }

  OpImport& n_;
  std::vector<Part> parts_;
  int64_t length_ = 0;
  ValueId mul_;
};

// Elements as the numbers that their bytes are.
ValueId BitsOf(OpImport& n, ValueId x) {
  const DType dtype = n.DtypeOf(x);
  DType bits = DType::kNone;
  switch (ByteSize(dtype)) {
    case 1: bits = DType::kU8; break;
    case 2: bits = DType::kU16; break;
    case 4: bits = DType::kU32; break;
    case 8: bits = DType::kU64; break;
    default: break;
  }
  if (bits == DType::kNone || Info(dtype).bits < 8 || !(IsFloat(dtype) || IsInteger(dtype))) {
    return n.Unsupported("rows of elements other than numbers");
  }
  return n.Cast(dtype == bits ? x : n.Emit(ops::kBitCast, {x}, {{"to", bits}}), DType::kU64);
}

void ImportProjection(OpImport& n) {
  const ValueId seeds = n.Stored(0), x = n.Stored(1);
  const std::vector<int64_t> of_seeds = n.Dims(seeds), dims = n.Dims(x);
  if (!n.ok()) return;
  if (of_seeds.size() != 2 || of_seeds[0] > kMostSeeds || of_seeds[1] > 31 || dims.empty() ||
      n.DtypeOf(seeds) != DType::kF32) {
    n.Unsupported("seeds that are no matrix, or of too many bits");
    return;
  }
  int64_t elements = 1;
  for (size_t k = 1; k < dims.size(); ++k) {
    if (dims[k] > kMostBytes || (elements *= dims[k]) > kMostBytes) break;
  }
  const auto bytes = static_cast<int64_t>(ByteSize(n.DtypeOf(x)));
  if (elements < 1 || kSeedBytes + elements * bytes > kMostBytes) {
    n.Unsupported(fmt::format("rows of no byte, or of more than {}", kMostBytes - kSeedBytes));
    return;
  }
  const ValueId rows = n.Reshape(BitsOf(n, x), {1, dims[0], elements});
  Fingerprint key(n);
  key.Append(n.Reshape(BitsOf(n, seeds), {-1, 1}), kSeedBytes);
  for (int64_t k = 0; k < elements; ++k) key.Append(n.Squeeze(n.Slice(rows, 2, k, k + 1), {2}), bytes);
  ValueId scores = n.Cast(n.Emit(ops::kBitCast, {key.Of()}, {{"to", DType::kI64}}), DType::kF64);
  if (n.Has(2)) scores = n.Mul(scores, n.Cast(n.Stored(2), DType::kF64));
  const Attrs sum{{"mode", std::string("sum")}, {"keep_dims", int64_t{0}}};
  const ValueId total = n.Emit(ops::kReduce, {scores, n.I64s({1})}, sum);
  const ValueId bits = n.Cast(n.Emit(ops::kLess, {n.Number(total, 0), total}), DType::kI64);
  using Kind = tflite::LSHProjectionType;
  const Kind kind = n.options().Enum<Kind>("type");
  if (kind == Kind::kDense) return n.Out(0, bits);
  if (kind != Kind::kSparse) {
    n.BadOption("type", "neither dense nor sparse");
    return;
  }
  // The bits of each function, the first one highest, and its number above them.
  std::vector<int64_t> powers, numbers;
  for (int64_t k = of_seeds[1]; k-- > 0;) powers.push_back(int64_t{1} << k);
  for (int64_t k = 0; k < of_seeds[0]; ++k) numbers.push_back(k << of_seeds[1]);
  const ValueId words = n.Mul(n.Reshape(bits, of_seeds), n.I64s(powers));
  n.Out(0, n.Add(n.Emit(ops::kReduce, {words, n.I64s({1})}, sum), n.I64s(numbers)));
}

constexpr Rule kRules[] = {
    {B::kLshProjection, Numbers::kStored, ImportProjection},
};

}  // namespace

extern const RuleSet kHashRules{kRules};

}  // namespace godwit::from_tflite
