// The messages that describe and hold values: tensors, types, sequences, optionals, maps.
#include <string>

#include "base/text.h"
#include "formats/onnx/parser.h"

namespace godwit::onnx {

using proto::ForEachVarint;

void Parser::RequireOnce(const FieldCounts& counts, const Reader& r, std::initializer_list<uint32_t> fields) {
  for (const uint32_t field : fields) {
    if (counts[field] <= 1) continue;
    context_->Fail(Diag(diag::kProtoDuplicate,
                        Concat("field ", std::to_string(field), " occurs ", std::to_string(counts[field]), " times")),
                   r.message().data());
  }
}

std::span<const int64_t> Parser::ReadDims(Reader r, uint32_t field, size_t count) {
  if (count > static_cast<uint64_t>(context_->limits().rank)) {
    context_->Fail(LimitExceeded(context_->limits(), &Limits::rank, count, "rank of a tensor"), r.message().data());
    return {};
  }
  Filler<int64_t> dims(&arena_, count);
  while (r.Next()) {
    if (r.field() == field) ForEachVarint(&r, [&](uint64_t v) { dims.Add(static_cast<int64_t>(v)); });
  }
  return dims.items();
}

Tensor Parser::ReadTensor(Reader r) {
  Tensor out;
  if (++tensors_ > static_cast<uint64_t>(context_->limits().tensors)) {
    context_->Fail(LimitExceeded(context_->limits(), &Limits::tensors, tensors_, "tensors"), r.message().data());
    return out;
  }
  const FieldCounts n(r, {.varints = 1U << 1});
  RequireOnce(n, r, {3, 9});
  out.dims = ReadDims(r, 1, n[1]);
  TensorDetails details;
  Filler<StringPair> external(&arena_, n[13]);
  Filler<StringPair> metadata(&arena_, n[16]);
  const ByteSpan message = r.message();
  while (r.Next()) {
    switch (r.field()) {
      case 2: out.data_type = static_cast<DataType>(r.Int()); break;
      case 3: {
        Reader segment = r.Message();
        details.has_segment = true;
        while (segment.Next()) {
          if (segment.field() == 1) details.segment_begin = segment.Int();
          if (segment.field() == 2) details.segment_end = segment.Int();
        }
        break;
      }
      case 4:
      case 5:
      case 6:
      case 7:
      case 10:
      case 11: {
        // A packed run of no values is the same as no field.
        const bool empty_run = r.field() != 6 && r.wire() == proto::Wire::kBytes && r.Bytes().empty();
        if (!empty_run) out.typed_fields = static_cast<uint16_t>(out.typed_fields | (1U << r.field()));
        break;
      }
      case 8: out.name = r.Name(); break;
      case 9: out.raw_data = r.Bytes(); break;
      case 12: details.doc_string = r.Text(); break;
      case 13: external.Add(ReadPair(r.Message())); break;
      case 14: out.external = r.Int() == 1; break;
      case 16: metadata.Add(ReadPair(r.Message())); break;
      default: break;
    }
  }
  if (out.typed_fields != 0) out.message = message;
  details.external_data = external.items();
  details.metadata = metadata.items();
  if (n[3] + n[12] + n[13] + n[16] != 0) out.details = arena_.Keep(details);
  return out;
}

SparseTensor Parser::ReadSparseTensor(Reader r) {
  SparseTensor out;
  const FieldCounts n(r, {.varints = 1U << 3});
  RequireOnce(n, r, {1, 2});
  out.dims = ReadDims(r, 3, n[3]);
  while (r.Next()) {
    if (r.field() == 1) out.values = ReadTensor(r.Message());
    if (r.field() == 2) out.indices = ReadTensor(r.Message());
  }
  return out;
}

Dim Parser::ReadDim(Reader r) {
  Dim out;
  while (r.Next()) {
    switch (r.field()) {
      case 1:
        out.value = r.Int();
        out.kind = Dim::Kind::kValue;
        break;
      case 2:
        out.param = r.Name();
        out.kind = Dim::Kind::kParam;
        break;
      case 3: out.denotation = r.Text(); break;
      default: break;
    }
  }
  return out;
}

void Parser::ReadTensorType(Reader r, Type* out) {
  const FieldCounts n(r);
  RequireOnce(n, r, {2});
  while (r.Next()) {
    if (r.field() == 1) out->elem_type = static_cast<DataType>(r.Int());
    if (r.field() != 2) continue;
    Reader shape = r.Message();
    const FieldCounts m(shape);
    if (m[1] > static_cast<uint64_t>(context_->limits().rank)) {
      context_->Fail(LimitExceeded(context_->limits(), &Limits::rank, m[1], "rank of a tensor"), r.tag());
      return;
    }
    Filler<Dim> dims(&arena_, m[1]);
    while (shape.Next()) {
      if (shape.field() == 1) dims.Add(ReadDim(shape.Message()));
    }
    out->has_shape = true;
    out->shape = dims.items();
  }
}

// Types nest (a sequence of optionals of tensors ...); the limit proto-nesting bounds how far.
Type Parser::ReadType(Reader r) {
  Type out;
  const FieldCounts n(r);
  RequireOnce(n, r, {1, 4, 5, 7, 8, 9});
  while (r.Next()) {
    switch (r.field()) {
      case 1:
      case 8:
        out.kind = r.field() == 1 ? Type::Kind::kTensor : Type::Kind::kSparseTensor;
        ReadTensorType(r.Message(), &out);
        break;
      case 4:
      case 9: {
        out.kind = r.field() == 4 ? Type::Kind::kSequence : Type::Kind::kOptional;
        Reader inner = r.Message();
        RequireOnce(FieldCounts(inner), inner, {1});
        while (inner.Next()) {
          if (inner.field() == 1) out.element = arena_.Keep(ReadType(inner.Message()));
        }
        break;
      }
      case 5: {
        out.kind = Type::Kind::kMap;
        Reader inner = r.Message();
        RequireOnce(FieldCounts(inner), inner, {2});
        while (inner.Next()) {
          if (inner.field() == 1) out.elem_type = static_cast<DataType>(inner.Int());
          if (inner.field() == 2) out.element = arena_.Keep(ReadType(inner.Message()));
        }
        break;
      }
      case 6: out.denotation = r.Text(); break;
      case 7: {
        out.kind = Type::Kind::kOpaque;
        Reader inner = r.Message();
        while (inner.Next()) {
          if (inner.field() == 1) out.opaque_domain = inner.Name();
          if (inner.field() == 2) out.opaque_name = inner.Name();
        }
        break;
      }
      default: break;
    }
  }
  return out;
}

Sequence Parser::ReadSequence(Reader r) {
  Sequence out;
  const FieldCounts n(r);
  Filler<Tensor> tensors(&arena_, n[3]);
  Filler<SparseTensor> sparse(&arena_, n[4]);
  Filler<Sequence> sequences(&arena_, n[5]);
  Filler<Map> maps(&arena_, n[6]);
  Filler<Optional> optionals(&arena_, n[7]);
  while (r.Next()) {
    switch (r.field()) {
      case 1: out.name = r.Name(); break;
      case 2: out.kind = static_cast<ElementKind>(r.Int()); break;
      case 3: tensors.Add(ReadTensor(r.Message())); break;
      case 4: sparse.Add(ReadSparseTensor(r.Message())); break;
      case 5: sequences.Add(ReadSequence(r.Message())); break;
      case 6: maps.Add(ReadMap(r.Message())); break;
      case 7: optionals.Add(ReadOptional(r.Message())); break;
      default: break;
    }
  }
  out.tensors = tensors.items();
  out.sparse_tensors = sparse.items();
  out.sequences = sequences.items();
  out.maps = maps.items();
  out.optionals = optionals.items();
  return out;
}

Optional Parser::ReadOptional(Reader r) {
  Optional out;
  RequireOnce(FieldCounts(r), r, {3, 4, 5, 6, 7});
  while (r.Next()) {
    switch (r.field()) {
      case 1: out.name = r.Name(); break;
      case 2: out.kind = static_cast<ElementKind>(r.Int()); break;
      case 3: out.tensor = arena_.Keep(ReadTensor(r.Message())); break;
      case 4: out.sparse_tensor = arena_.Keep(ReadSparseTensor(r.Message())); break;
      case 5: out.sequence = arena_.Keep(ReadSequence(r.Message())); break;
      case 6: out.map = arena_.Keep(ReadMap(r.Message())); break;
      case 7: out.optional = arena_.Keep(ReadOptional(r.Message())); break;
      default: break;
    }
  }
  return out;
}

Map Parser::ReadMap(Reader r) {
  Map out;
  const FieldCounts n(r, {.varints = 1U << 3});
  RequireOnce(n, r, {5});
  Filler<int64_t> keys(&arena_, n[3]);
  Filler<std::string_view> string_keys(&arena_, n[4]);
  while (r.Next()) {
    switch (r.field()) {
      case 1: out.name = r.Name(); break;
      case 2: out.key_type = static_cast<DataType>(r.Int()); break;
      case 3: ForEachVarint(&r, [&](uint64_t v) { keys.Add(static_cast<int64_t>(v)); }); break;
      case 4: string_keys.Add(r.Text()); break;
      case 5: out.values = arena_.Keep(ReadSequence(r.Message())); break;
      default: break;
    }
  }
  out.keys = keys.items();
  out.string_keys = string_keys.items();
  return out;
}

}  // namespace godwit::onnx
