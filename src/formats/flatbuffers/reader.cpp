#include "formats/flatbuffers/reader.h"

#include <algorithm>
#include <string>

#include "base/checked.h"
#include "base/diag_tflite.h"
#include "base/text.h"

namespace godwit::flat {

namespace {

constexpr uint64_t kFieldListHead = 4;  // its own length and the table's, two bytes each

// Where the offset at byte `at` leads; 0, where nothing can start, and an error if that is nowhere in the file.
uint64_t Follow(Context* context, uint64_t at) {
  const auto offset = context->Load<uint32_t>(at);
  if (offset == 0) context->Fail(Diag(diag::kFlatRange, "an offset leads to itself"), at);
  const uint64_t target = at + offset;
  return context->Need(target, 4) && context->Align(target, 4) ? target : 0;
}

std::string_view TextFrom(Context* context, uint64_t at) {
  if (at == 0) return {};
  const auto bytes = context->Load<uint32_t>(at);
  if (!context->Need(at + 4, bytes)) return {};
  if (bytes > static_cast<uint64_t>(context->limits().name_bytes)) {
    context->Fail(LimitExceeded(context->limits(), &Limits::name_bytes, bytes, "bytes of a name"), at);
    return {};
  }
  if (!context->Walk(bytes)) return {};
  return AsText(context->file().subspan(at + 4, bytes));
}

}  // namespace

Context::Context(ByteSpan file, const Limits& limits)
    : file_(file),
      limits_(&limits),
      budget_(2 * static_cast<uint64_t>(file.size()) + static_cast<uint64_t>(limits.view_bytes)) {}

std::string_view Context::Identifier() const {
  return file_.size() < 8 ? std::string_view() : AsText(file_.subspan(4, 4));
}

Table Context::Root() {
  if (!Need(0, 8)) return {};
  const uint64_t at = Follow(this, 0);
  return at == 0 ? Table() : Table(this, at);
}

void Context::Fail(Diag diag, uint64_t at) {
  if (error_ != nullptr) return;
  diag.at = "byte " + std::to_string(at);
  error_ = std::make_unique<Diag>(std::move(diag));
}

bool Context::Charge(uint64_t count, uint64_t size) { return Spend(&used_, count, size); }
bool Context::Walk(uint64_t bytes) { return Spend(&walked_, bytes, 1); }

bool Context::Spend(uint64_t* spent, uint64_t count, uint64_t size) {
  if (!ok()) return false;
  if (size != 0 && count > (budget_ - *spent) / size) {
    const uint64_t wanted = *spent + count * size - 2 * static_cast<uint64_t>(file_.size());
    Diag diag = LimitExceeded(*limits_, &Limits::view_bytes, wanted, "memory for the structure of the model");
    // What else the model needs is not known here, so the hint offers room rather than a count.
    diag.hint = "if the file is trusted: --limit view-bytes=" + std::to_string(4 * std::max<uint64_t>(wanted, 1 << 20));
    error_ = std::make_unique<Diag>(std::move(diag));
    return false;
  }
  *spent += count * size;
  return true;
}

bool Context::Need(uint64_t at, uint64_t bytes) {
  if (!ok()) return false;
  if (!FitsWithin(at, bytes, file_.size())) {
    Fail(Diag(diag::kFlatRange, Concat(std::to_string(bytes), " bytes are said to lie there, but the file has ",
                                       std::to_string(file_.size()))),
         at);
    return false;
  }
  reach_ = std::max(reach_, at + bytes);
  return true;
}

bool Context::Align(uint64_t at, uint64_t size) {
  if (at % size == 0) return true;
  Fail(Diag(diag::kFlatAlignment, Concat("a value of ", std::to_string(size), " bytes lies at an odd place")), at);
  return false;
}

Table::Table(Context* context, uint64_t at) {
  const int64_t list = static_cast<int64_t>(at) - context->Load<int32_t>(at);
  if (list < 0) {
    context->Fail(Diag(diag::kFlatTable, "the field list of a table lies before the file"), at);
    return;
  }
  fields_at_ = static_cast<uint64_t>(list);
  if (!context->Need(fields_at_, kFieldListHead) || !context->Align(fields_at_, 2)) return;
  fields_bytes_ = context->Load<uint16_t>(fields_at_);
  bytes_ = context->Load<uint16_t>(fields_at_ + 2);
  if (fields_bytes_ < kFieldListHead || fields_bytes_ % 2 != 0 || bytes_ < 4) {
    context->Fail(Diag(diag::kFlatTable, Concat("a table of ", std::to_string(bytes_), " bytes with a field list of ",
                                                std::to_string(fields_bytes_))),
                  at);
    return;
  }
  if (!context->Need(fields_at_, fields_bytes_) || !context->Need(at, bytes_)) return;
  context_ = context;
  at_ = at;
}

uint64_t Table::FieldAt(uint16_t id) const {
  if (context_ == nullptr || !context_->ok()) return 0;
  const uint64_t slot = kFieldListHead + 2 * uint64_t{id};
  if (slot + 2 > fields_bytes_) return 0;
  const auto offset = context_->Load<uint16_t>(fields_at_ + slot);
  return offset == 0 ? 0 : at_ + offset;
}

uint64_t Table::ScalarAt(uint16_t id, unsigned width) const {
  const uint64_t at = FieldAt(id);
  if (at == 0) return 0;
  if (at < at_ + 4 || at + width > at_ + bytes_) {
    context_->Fail(Diag(diag::kFlatTable, Concat("field ", std::to_string(id), " lies outside its table")), at_);
    return 0;
  }
  return context_->Align(at, width) ? at : 0;
}

uint64_t Table::TargetOf(uint16_t id) const {
  const uint64_t at = ScalarAt(id, 4);
  return at == 0 ? 0 : Follow(context_, at);
}

std::string_view Table::Text(uint16_t id) const { return TextFrom(context_, TargetOf(id)); }

Table Table::Child(uint16_t id) const {
  const uint64_t at = TargetOf(id);
  return at == 0 ? Table() : Table(context_, at);
}

Offsets Table::Children(uint16_t id) const {
  const uint64_t at = TargetOf(id);
  if (at == 0) return {};
  const auto size = context_->Load<uint32_t>(at);
  if (!context_->Need(at + 4, uint64_t{size} * 4) || !context_->Walk(uint64_t{size} * 4)) return {};
  return {context_, at + 4, size};
}

ByteSpan Table::Elements(uint16_t id, unsigned width) const {
  const uint64_t at = TargetOf(id);
  if (at == 0) return {};
  const uint64_t bytes = uint64_t{context_->Load<uint32_t>(at)} * width;
  if (!context_->Need(at + 4, bytes)) return {};
  if (width > 1 && bytes != 0 && (!context_->Align(at + 4, width) || !context_->Walk(bytes))) return {};
  return context_->file().subspan(at + 4, bytes);
}

Table Offsets::TableAt(size_t k) const {
  if (!context_->ok()) return {};
  const uint64_t at = Follow(context_, at_ + 4 * k);
  return at == 0 ? Table() : Table(context_, at);
}

std::string_view Offsets::TextAt(size_t k) const {
  if (!context_->ok()) return {};
  return TextFrom(context_, Follow(context_, at_ + 4 * k));
}

}  // namespace godwit::flat
