#include "formats/protobuf/wire_reader.h"

#include <string>

#include "base/text.h"

namespace godwit::proto {

namespace {

constexpr int kMaxVarintBytes = 10;

const char* WireName(Wire wire) {
  switch (wire) {
    case Wire::kVarint: return "a varint";
    case Wire::kFixed64: return "64 fixed bits";
    case Wire::kBytes: return "a run of bytes";
    case Wire::kGroup:
    case Wire::kGroupEnd: return "a group";
    case Wire::kFixed32: return "32 fixed bits";
  }
  return "nothing known";
}

}  // namespace

void WireContext::Fail(Diag diag, const std::byte* at) {
  if (error_ != nullptr) return;
  if (at != nullptr) diag.at = Concat("byte ", std::to_string(OffsetOf(at)));
  error_ = std::make_unique<Diag>(std::move(diag));
}

bool WireReader::ReadVarintSlow(uint64_t* value) {
  const std::byte* p = p_;
  uint64_t out = 0;
  for (int i = 0; i < kMaxVarintBytes; ++i) {
    if (p == end_) {
      Truncated(p_, 1);
      return false;
    }
    const auto byte = static_cast<uint8_t>(*p++);
    out |= static_cast<uint64_t>(byte & 0x7FU) << (7 * i);
    if ((byte & 0x80U) == 0) {
      *value = out;
      p_ = p;
      return true;
    }
  }
  context_->Fail(Diag(diag::kProtoVarint, "a number has more than 10 bytes"), p_);
  return false;
}

void WireReader::Truncated(const std::byte* at, uint64_t wanted) {
  const std::string present = std::to_string(end_ - at);
  context_->Fail(Diag(diag::kProtoTruncated, Concat("field ", std::to_string(field_), " needs ", std::to_string(wanted),
                                                    " bytes and ", present, " are left")),
                 at);
}

bool WireReader::Next() {
  if (!context_->ok()) return false;
  if (!taken_) Skip();
  if (p_ == end_ || !context_->ok()) return false;
  tag_ = p_;
  uint64_t tag = 0;
  if (!ReadVarint(&tag)) return false;
  const auto wire = static_cast<uint8_t>(tag & 7U);
  const uint64_t field = tag >> 3;
  if (field == 0 || field > 0x1FFFFFFF || wire > 5 || wire == static_cast<uint8_t>(Wire::kGroupEnd)) {
    context_->Fail(Diag(diag::kProtoTag, Concat("no field starts like this (field ", std::to_string(field),
                                                ", wire type ", std::to_string(wire), ")")),
                   tag_);
    return false;
  }
  field_ = static_cast<uint32_t>(field);
  wire_ = static_cast<Wire>(wire);
  taken_ = false;
  return true;
}

bool WireReader::Expect(Wire wire) {
  taken_ = true;
  if (!context_->ok()) return false;
  if (wire_ == wire) return true;
  context_->Fail(Diag(diag::kProtoWireType, Concat("field ", std::to_string(field_), " is stored as ", WireName(wire_),
                                                   " where the format has ", WireName(wire))),
                 tag_);
  return false;
}

uint64_t WireReader::Varint() {
  uint64_t value = 0;
  return Expect(Wire::kVarint) && ReadVarint(&value) ? value : 0;
}

uint32_t WireReader::Fixed32() {
  if (!Expect(Wire::kFixed32)) return 0;
  if (end_ - p_ < 4) {
    Truncated(p_, 4);
    return 0;
  }
  const auto value = LoadLe<uint32_t>(p_);
  p_ += 4;
  return value;
}

uint64_t WireReader::Fixed64() {
  if (!Expect(Wire::kFixed64)) return 0;
  if (end_ - p_ < 8) {
    Truncated(p_, 8);
    return 0;
  }
  const auto value = LoadLe<uint64_t>(p_);
  p_ += 8;
  return value;
}

ByteSpan WireReader::Bytes() {
  uint64_t length = 0;
  if (!Expect(Wire::kBytes) || !ReadVarint(&length)) return {};
  if (length > static_cast<uint64_t>(end_ - p_)) {
    Truncated(p_, length);
    return {};
  }
  const ByteSpan bytes(p_, static_cast<size_t>(length));
  p_ += length;
  return bytes;
}

std::string_view WireReader::Name() {
  const std::byte* const at = p_;
  const std::string_view name = Text();
  if (name.size() > static_cast<uint64_t>(context_->limits().name_bytes)) {
    context_->Fail(LimitExceeded(context_->limits(), &Limits::name_bytes, name.size(), "bytes of a name"), at);
    return {};
  }
  return name;
}

WireReader WireReader::Message() {
  const std::byte* const at = tag_;
  const ByteSpan bytes = Bytes();
  if (nesting_ + 1 > context_->limits().proto_nesting) {
    context_->Fail(LimitExceeded(context_->limits(), &Limits::proto_nesting, static_cast<uint64_t>(nesting_) + 1,
                                 "messages within each other"),
                   at);
  }
  return {context_, context_->ok() ? bytes : ByteSpan(end_, size_t{0}), nesting_ + 1};
}

void WireReader::Skip() {
  switch (wire_) {
    case Wire::kVarint: Varint(); return;
    case Wire::kFixed64: Fixed64(); return;
    case Wire::kFixed32: Fixed32(); return;
    case Wire::kBytes: Bytes(); return;
    case Wire::kGroup: SkipGroup(field_); return;
    case Wire::kGroupEnd: return;
  }
}

// Groups are a form of nested message that ends with a tag instead of starting with a length. ONNX has none, but an
// unknown field may be one. A stack of field numbers would have to be kept to check every inner end; the depth, and
// that the outermost end carries the right number, are enough to find the end.
void WireReader::SkipGroup(uint32_t field) {
  const std::byte* const start = tag_;
  taken_ = true;
  int depth = 1;
  while (depth > 0 && context_->ok()) {
    if (p_ == end_) return Truncated(p_, 1);
    uint64_t tag = 0;
    tag_ = p_;
    if (!ReadVarint(&tag)) return;
    const auto wire = static_cast<uint8_t>(tag & 7U);
    field_ = static_cast<uint32_t>(tag >> 3);
    if (wire > 5 || field_ == 0) {
      return context_->Fail(Diag(diag::kProtoTag, "no field starts like this within a group"), tag_);
    }
    wire_ = static_cast<Wire>(wire);
    if (wire_ == Wire::kGroup) {
      ++depth;
      if (nesting_ + depth > context_->limits().proto_nesting) {
        return context_->Fail(LimitExceeded(context_->limits(), &Limits::proto_nesting,
                                            static_cast<uint64_t>(nesting_ + depth), "messages within each other"),
                              tag_);
      }
    } else if (wire_ == Wire::kGroupEnd) {
      --depth;
      if (depth == 0 && field_ != field) {
        return context_->Fail(Diag(diag::kProtoTag, "a group ends under another number than it began with"), tag_);
      }
    } else {
      Skip();
    }
  }
  field_ = field;
  wire_ = Wire::kGroup;
  tag_ = start;
  taken_ = true;
}

size_t CountVarints(const WireReader& reader) {
  if (reader.wire() != Wire::kBytes) return 1;
  WireReader copy = reader;
  size_t count = 0;
  for (const std::byte b : copy.Bytes()) count += static_cast<uint8_t>(b) < 0x80 ? 1 : 0;
  return count;
}

size_t CountFixed(const WireReader& reader, size_t width) {
  if (reader.wire() != Wire::kBytes) return 1;
  WireReader copy = reader;
  return copy.Bytes().size() / width;
}

}  // namespace godwit::proto
