// Mutations that keep an ONNX model readable: the message is taken apart into its fields, some of them are erased,
// doubled, swapped, rewired or replaced by a field of the same kind, and lengths are written anew. Most mutations of
// bytes alone break a length and reach no further than the wire layer.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "frontends/onnx/rule.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace {

enum class Kind : uint8_t {
  kModel,
  kGraph,
  kNode,
  kAttr,
  kTensor,
  kSparse,
  kValueInfo,
  kType,
  kTensorType,
  kShape,
  kDim,
  kElement,
  kMap,
  kFunction,
  kOpset,
  kPair,  // messages
  kName,
  kOperator,
  kAttrName,
  kData,
  kNumber,  // leaves
};

struct Rung {
  Kind parent;
  uint32_t field;
  Kind child;
};
// Fields that are messages or names; everything else is data or a number.
constexpr Rung kLadder[] = {
    {Kind::kModel, 7, Kind::kGraph},         {Kind::kModel, 8, Kind::kOpset},
    {Kind::kModel, 14, Kind::kPair},         {Kind::kModel, 25, Kind::kFunction},
    {Kind::kGraph, 1, Kind::kNode},          {Kind::kGraph, 5, Kind::kTensor},
    {Kind::kGraph, 11, Kind::kValueInfo},    {Kind::kGraph, 12, Kind::kValueInfo},
    {Kind::kGraph, 13, Kind::kValueInfo},    {Kind::kGraph, 15, Kind::kSparse},
    {Kind::kNode, 1, Kind::kName},           {Kind::kNode, 2, Kind::kName},
    {Kind::kNode, 4, Kind::kOperator},       {Kind::kNode, 5, Kind::kAttr},
    {Kind::kAttr, 1, Kind::kAttrName},       {Kind::kAttr, 5, Kind::kTensor},
    {Kind::kAttr, 6, Kind::kGraph},          {Kind::kAttr, 10, Kind::kTensor},
    {Kind::kAttr, 11, Kind::kGraph},         {Kind::kAttr, 14, Kind::kType},
    {Kind::kAttr, 15, Kind::kType},          {Kind::kAttr, 22, Kind::kSparse},
    {Kind::kAttr, 23, Kind::kSparse},        {Kind::kTensor, 8, Kind::kName},
    {Kind::kTensor, 13, Kind::kPair},        {Kind::kSparse, 1, Kind::kTensor},
    {Kind::kSparse, 2, Kind::kTensor},       {Kind::kValueInfo, 1, Kind::kName},
    {Kind::kValueInfo, 2, Kind::kType},      {Kind::kType, 1, Kind::kTensorType},
    {Kind::kType, 4, Kind::kElement},        {Kind::kType, 5, Kind::kMap},
    {Kind::kType, 8, Kind::kTensorType},     {Kind::kType, 9, Kind::kElement},
    {Kind::kElement, 1, Kind::kType},        {Kind::kMap, 2, Kind::kType},
    {Kind::kTensorType, 2, Kind::kShape},    {Kind::kShape, 1, Kind::kDim},
    {Kind::kFunction, 4, Kind::kName},       {Kind::kFunction, 1, Kind::kOperator},
    {Kind::kFunction, 5, Kind::kName},       {Kind::kFunction, 7, Kind::kNode},
    {Kind::kFunction, 9, Kind::kOpset},      {Kind::kFunction, 11, Kind::kAttr},
    {Kind::kFunction, 12, Kind::kValueInfo},
};

bool IsMessage(Kind kind) { return kind < Kind::kName; }

struct Piece {
  uint32_t field = 0;
  uint32_t wire = 0;
  Kind kind = Kind::kNumber;
  uint64_t number = 0;  // of wire type 0
  std::string bytes;    // of a leaf: the payload, for the fixed types their 4 or 8 bytes
  std::vector<Piece> parts;
};
using Pieces = std::vector<Piece>;

bool TakeVarint(std::string_view* in, uint64_t* out) {
  *out = 0;
  for (unsigned shift = 0; shift < 64 && !in->empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(in->front());
    in->remove_prefix(1);
    *out |= uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

std::optional<Pieces> TakeApart(std::string_view in, Kind kind, int depth) {
  Pieces out;
  while (!in.empty()) {
    uint64_t tag = 0, length = 0;
    if (!TakeVarint(&in, &tag)) return std::nullopt;
    Piece piece;
    piece.field = static_cast<uint32_t>(tag >> 3);
    piece.wire = tag & 7;
    if (piece.field == 0) return std::nullopt;
    if (piece.wire == 0) {
      if (!TakeVarint(&in, &piece.number)) return std::nullopt;
    } else {
      if (piece.wire == 1) length = 8;
      if (piece.wire == 5) length = 4;
      if (piece.wire == 2 && !TakeVarint(&in, &length)) return std::nullopt;
      if (length > in.size() || (piece.wire != 1 && piece.wire != 2 && piece.wire != 5)) return std::nullopt;
      piece.bytes = in.substr(0, length);
      in.remove_prefix(length);
    }
    if (piece.wire == 2) {
      piece.kind = Kind::kData;
      for (const Rung& r : kLadder) {
        if (r.parent == kind && r.field == piece.field) piece.kind = r.child;
      }
      if (IsMessage(piece.kind)) {
        auto parts = depth > 0 ? TakeApart(piece.bytes, piece.kind, depth - 1) : std::nullopt;
        if (parts.has_value()) {
          piece.parts = *std::move(parts);
          piece.bytes.clear();
        } else {
          piece.kind = Kind::kData;
        }
      }
    }
    out.push_back(std::move(piece));
  }
  return out;
}

void PutVarint(uint64_t v, std::string* out) {
  for (; v >= 0x80; v >>= 7) out->push_back(static_cast<char>(v | 0x80));
  out->push_back(static_cast<char>(v));
}

std::string PutTogether(const Pieces& pieces) {
  std::string out;
  for (const Piece& p : pieces) {
    PutVarint(uint64_t{p.field} << 3 | p.wire, &out);
    if (p.wire == 0) {
      PutVarint(p.number, &out);
      continue;
    }
    const std::string inner = IsMessage(p.kind) ? PutTogether(p.parts) : std::string();
    const std::string& bytes = IsMessage(p.kind) ? inner : p.bytes;
    if (p.wire == 2) PutVarint(bytes.size(), &out);
    out += bytes;
  }
  return out;
}

struct Place {
  Pieces* pieces;
  size_t index;
};
void ListPlaces(Pieces* pieces, std::vector<Place>* out) {
  for (size_t i = 0; i < pieces->size(); ++i) {
    out->push_back({pieces, i});
    ListPlaces(&(*pieces)[i].parts, out);
  }
}

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  size_t Below(size_t n) { return n == 0 ? 0 : random_() % n; }

  void Mutate(Pieces* model, Pieces* other) {
    std::vector<Place> places, givers;
    ListPlaces(model, &places);
    if (places.empty()) return;
    if (other != nullptr) ListPlaces(other, &givers);
    const Place at = places[Below(places.size())];
    Pieces& list = *at.pieces;
    Piece& piece = list[at.index];
    switch (Below(IsMessage(piece.kind) ? 4 : 7)) {
      case 0: list.erase(list.begin() + static_cast<std::ptrdiff_t>(at.index)); return;
      case 1: {
        const Piece copy = piece;
        list.insert(list.begin() + static_cast<std::ptrdiff_t>(Below(list.size() + 1)), copy);
        return;
      }
      case 2: std::swap(piece, list[Below(list.size())]); return;
      case 3: Replace(&piece, other != nullptr ? givers : places); return;
      default: Bend(&piece); return;
    }
  }

 private:
  // By one of the same kind: names by names rewire the graph.
  void Replace(Piece* piece, const std::vector<Place>& givers) {
    std::vector<const Piece*> fitting;
    for (const Place& g : givers) {
      const Piece& other = (*g.pieces)[g.index];
      if (other.kind == piece->kind && &other != piece) fitting.push_back(&other);
    }
    if (fitting.empty()) return;
    Piece copy = *fitting[Below(fitting.size())];
    if (copy.kind == Kind::kNumber || copy.kind == Kind::kData) {
      if (copy.wire != piece->wire) return;
      piece->number = copy.number;
      piece->bytes = copy.bytes;
      return;
    }
    copy.field = piece->field;
    *piece = std::move(copy);
  }

  void Bend(Piece* piece) {
    if (piece->kind == Kind::kOperator) {
      const auto sets = godwit::from_onnx::AllRuleSets();
      const auto& rules = sets[Below(sets.size())]->rules;
      if (!rules.empty()) piece->bytes = rules[Below(rules.size())].op;
    } else if (piece->wire == 0) {
      static constexpr int64_t kNumbers[] = {0,  1,   2,   3,     -1,        -2,        7,
                                             16, 127, 255, 65536, INT32_MAX, INT64_MAX, INT64_MIN};
      switch (Below(4)) {
        case 0: ++piece->number; break;
        case 1: --piece->number; break;
        case 2: piece->number ^= uint64_t{1} << Below(64); break;
        default: piece->number = static_cast<uint64_t>(kNumbers[Below(std::size(kNumbers))]); break;
      }
    } else {
      std::string grown = piece->bytes;
      const size_t most = piece->wire == 2 ? grown.size() + 16 : grown.size();
      const size_t size = grown.size();
      grown.resize(most);
      const size_t now = most == 0 ? 0 : LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(grown.data()), size, most);
      if (piece->wire == 2) {
        grown.resize(now);
        piece->bytes = std::move(grown);
      } else if (now == most) {
        piece->bytes = std::move(grown);
      }
    }
  }

  std::minstd_rand random_;
};

constexpr int kDepth = 24;

size_t Write(const Pieces& model, uint8_t* out, size_t most) {
  const std::string bytes = PutTogether(model);
  if (bytes.size() > most) return 0;
  std::memcpy(out, bytes.data(), bytes.size());
  return bytes.size();
}

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  Mutator mutator(seed);
  auto model = TakeApart({reinterpret_cast<const char*>(data), size}, Kind::kModel, kDepth);
  if (!model.has_value() || model->empty() || mutator.Below(16) == 0) return LLVMFuzzerMutate(data, size, max_size);
  for (size_t n = 1 + mutator.Below(4); n > 0; --n) mutator.Mutate(&*model, nullptr);
  const size_t written = Write(*model, data, max_size);
  return written > 0 ? written : LLVMFuzzerMutate(data, size, max_size);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* data1, size_t size1, const uint8_t* data2, size_t size2,
                                            uint8_t* out, size_t max_size, unsigned seed) {
  Mutator mutator(seed);
  auto model = TakeApart({reinterpret_cast<const char*>(data1), size1}, Kind::kModel, kDepth);
  auto other = TakeApart({reinterpret_cast<const char*>(data2), size2}, Kind::kModel, kDepth);
  if (!model.has_value() || !other.has_value()) return 0;
  for (size_t n = 1 + mutator.Below(4); n > 0; --n) mutator.Mutate(&*model, &*other);
  return Write(*model, out, max_size);
}
