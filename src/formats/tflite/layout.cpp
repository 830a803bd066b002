#include "formats/tflite/layout.h"

#include <algorithm>
#include <bit>

#include "formats/tflite/names.h"
#include "formats/tflite/slots.h"

namespace godwit::tflite {

using flat::Fields;
using flat::Placed;

namespace {

template <class E>
constexpr auto Number(E value) {
  return static_cast<std::underlying_type_t<E>>(value);
}

uint8_t Flag(bool value) { return value ? 1 : 0; }

// Of constants that are too short to gain from more: those of fewer pieces than kWorthAligning.
constexpr uint64_t kLeastAlignment = 16;
constexpr uint64_t kWorthAligning = 16;
// The small field of old readers holds no more than this, which says that the large one counts.
constexpr int32_t kPlaceholder = Number(BuiltinOperator::kPlaceholderForGreaterOpCodes);

}  // namespace

Layout::Layout(const Model& model, const ModelContents& contents, uint64_t alignment, bool outside)
    : model_(model),
      contents_(contents),
      alignment_(alignment),
      outside_(outside),
      b_(kIdentifier),
      block_of_content_(contents.contents.size(), Contents::kNone) {
  PutModel();
}

size_t Layout::BlockOf(size_t content) {
  const size_t first = contents_.contents.FirstOf(content);
  size_t& block = block_of_content_[first];
  if (block == Contents::kNone) {
    const uint64_t bytes = contents_.contents.BytesOf(first);
    block = b_.Block(bytes, bytes < alignment_ * kWorthAligning ? kLeastAlignment : alignment_);
    content_of_block_.push_back(first);
  }
  return block;
}

void Layout::PutModel() {
  namespace own = slot::Model;
  const Model& m = model_;
  // What the text says has to be true of this file, whatever the model came from.
  std::vector<Metadata> metadata;
  bool says_so = false;
  for (const Metadata& d : m.metadata) {
    const bool location = d.name == kBufferLocation;
    if (outside_ || !location) metadata.push_back(d);
    says_so = says_so || location;
  }
  std::vector<size_t> buffers = contents_.of_buffer;
  if (outside_ && !says_so) {
    if (buffers.empty()) buffers.push_back(Contents::kNone);  // the first is always the empty one
    metadata.push_back({kBufferLocation, static_cast<uint32_t>(buffers.size())});
    buffers.push_back(contents_.location);
  }
  Fields f;
  f.Put(own::version, m.version).Ref(own::operator_codes).Ref(own::subgraphs).Ref(own::buffers);
  f.RefIf(!m.description.empty(), own::description).RefIf(!m.metadata_buffer.empty(), own::metadata_buffer);
  f.RefIf(!metadata.empty(), own::metadata).RefIf(!m.signature_defs.empty(), own::signature_defs);
  f.RefIf(!m.external_buffer_groups.empty(), own::external_buffer_groups);
  f.RefIf(!m.external_buffers.empty(), own::external_buffers);
  const Placed t = b_.Table(b_.root(), f);
  if (!m.description.empty()) b_.Text(t.slot(own::description), m.description);
  All(t.slot(own::operator_codes), m.operator_codes, &Layout::PutCode);
  All(t.slot(own::subgraphs), m.subgraphs, &Layout::PutSubGraph);
  if (!m.metadata_buffer.empty()) b_.Numbers(t.slot(own::metadata_buffer), m.metadata_buffer);
  if (!metadata.empty()) {
    All(t.slot(own::metadata), std::span<const Metadata>(metadata), &Layout::PutMetadata);
  }
  if (!m.signature_defs.empty()) All(t.slot(own::signature_defs), m.signature_defs, &Layout::PutSignature);
  if (!m.external_buffer_groups.empty()) {
    uint64_t at = b_.Refs(t.slot(own::external_buffer_groups), m.external_buffer_groups.size());
    for (const std::string_view name : m.external_buffer_groups) {
      const Placed group = b_.Table(at, Fields().Ref(slot::ExternalBufferGroup::name));
      b_.Text(group.slot(slot::ExternalBufferGroup::name), name);
      at += flat::Builder::kSlotBytes;
    }
  }
  if (!m.external_buffers.empty()) All(t.slot(own::external_buffers), m.external_buffers, &Layout::PutExternal);
  uint64_t at = b_.Refs(t.slot(own::buffers), buffers.size());
  for (const size_t content : buffers) {
    PutBuffer(at, content);
    at += flat::Builder::kSlotBytes;
  }
}

void Layout::PutCode(uint64_t slot, const OperatorCode& c) {
  namespace own = slot::OperatorCode;
  const int32_t code = Number(c.code);
  Fields f;
  f.Put(own::deprecated_builtin_code, static_cast<int8_t>(std::min(code, kPlaceholder))).Put(own::builtin_code, code);
  f.Put(own::version, c.version, 1).RefIf(!c.custom_code.empty(), own::custom_code);
  const Placed t = b_.Table(slot, f);
  if (!c.custom_code.empty()) b_.Text(t.slot(own::custom_code), c.custom_code);
}

void Layout::PutSubGraph(uint64_t slot, const SubGraph& g) {
  namespace own = slot::SubGraph;
  Fields f;
  f.Ref(own::tensors).Ref(own::inputs).Ref(own::outputs).Ref(own::operators).RefIf(!g.name.empty(), own::name);
  f.Put(own::debug_metadata_index, g.debug_metadata_index, -1);
  const Placed t = b_.Table(slot, f);
  All(t.slot(own::tensors), g.tensors, &Layout::PutTensor);
  b_.Numbers(t.slot(own::inputs), g.inputs);
  b_.Numbers(t.slot(own::outputs), g.outputs);
  All(t.slot(own::operators), g.operators, &Layout::PutOperator);
  if (!g.name.empty()) b_.Text(t.slot(own::name), g.name);
}

void Layout::PutTensor(uint64_t slot, const Tensor& x) {
  namespace own = slot::Tensor;
  Fields f;
  f.Ref(own::shape).Put(own::type, Number(x.type)).Put(own::buffer, x.buffer).Ref(own::name);
  f.RefIf(x.quantization != nullptr, own::quantization).Put(own::is_variable, Flag(x.is_variable));
  f.RefIf(x.sparsity != nullptr, own::sparsity).RefIf(!x.shape_signature.empty(), own::shape_signature);
  f.Put(own::has_rank, Flag(x.has_rank)).RefIf(!x.variant_types.empty(), own::variant_tensors);
  f.Put(own::external_buffer, x.external_buffer);
  const Placed t = b_.Table(slot, f);
  b_.Numbers(t.slot(own::shape), x.shape);
  b_.Text(t.slot(own::name), x.name);
  if (x.quantization != nullptr) PutQuantization(t.slot(own::quantization), *x.quantization);
  if (x.sparsity != nullptr) PutSparsity(t.slot(own::sparsity), *x.sparsity);
  if (!x.shape_signature.empty()) b_.Numbers(t.slot(own::shape_signature), x.shape_signature);
  if (!x.variant_types.empty()) All(t.slot(own::variant_tensors), x.variant_types, &Layout::PutVariant);
}

void Layout::PutQuantization(uint64_t slot, const Quantization& q) {
  namespace own = slot::QuantizationParameters;
  const bool details = q.details != Quantization::Details::kNone;
  Fields f;
  f.RefIf(!q.min.empty(), own::min).RefIf(!q.max.empty(), own::max).RefIf(!q.scale.empty(), own::scale);
  f.RefIf(!q.zero_point.empty(), own::zero_point).Put(own::details_type, Number(q.details));
  f.RefIf(details, own::details).Put(own::quantized_dimension, q.quantized_dimension);
  const Placed t = b_.Table(slot, f);
  if (!q.min.empty()) b_.Numbers(t.slot(own::min), q.min);
  if (!q.max.empty()) b_.Numbers(t.slot(own::max), q.max);
  if (!q.scale.empty()) b_.Numbers(t.slot(own::scale), q.scale);
  if (!q.zero_point.empty()) b_.Numbers(t.slot(own::zero_point), q.zero_point);
  if (!details) return;
  Fields d;
  if (q.details == Quantization::Details::kCustom) {
    const Placed p = b_.Table(t.slot(own::details), d.Ref(slot::CustomQuantization::custom));
    b_.Vector(p.slot(slot::CustomQuantization::custom), q.custom, 1, 16);
    return;
  }
  // The two kinds share their first fields.
  namespace axes = slot::MultiAxisQuantization;
  const bool multi = q.details == Quantization::Details::kMultiAxis;
  d.Put(axes::scales, q.scales).Put(axes::zero_points, q.zero_points).Put(axes::block_size, q.block_size);
  const Placed p = b_.Table(t.slot(own::details), d.RefIf(multi, axes::quantized_dimensions));
  if (multi) b_.Numbers(p.slot(axes::quantized_dimensions), q.quantized_dimensions);
}

void Layout::PutSparsity(uint64_t slot, const Sparsity& s) {
  namespace own = slot::SparsityParameters;
  Fields f;
  f.Ref(own::traversal_order).RefIf(!s.block_map.empty(), own::block_map).Ref(own::dim_metadata);
  const Placed t = b_.Table(slot, f);
  b_.Numbers(t.slot(own::traversal_order), s.traversal_order);
  if (!s.block_map.empty()) b_.Numbers(t.slot(own::block_map), s.block_map);
  All(t.slot(own::dim_metadata), s.dimensions, &Layout::PutSparseDimension);
}

void Layout::PutSparseDimension(uint64_t slot, const SparseDimension& d) {
  namespace own = slot::DimensionMetadata;
  const bool segments = d.segments.kind != IndexVector::Kind::kNone;
  const bool indices = d.indices.kind != IndexVector::Kind::kNone;
  Fields f;
  f.Put(own::format, Number(d.format)).Put(own::dense_size, d.dense_size);
  f.Put(own::array_segments_type, Number(d.segments.kind)).RefIf(segments, own::array_segments);
  f.Put(own::array_indices_type, Number(d.indices.kind)).RefIf(indices, own::array_indices);
  const Placed t = b_.Table(slot, f);
  const auto vector = [&](uint16_t id, const IndexVector& v) {
    const Placed p = b_.Table(t.slot(id), Fields().Ref(slot::Int32Vector::values));
    b_.Vector(p.slot(slot::Int32Vector::values), v.bytes, v.width());
  };
  if (segments) vector(own::array_segments, d.segments);
  if (indices) vector(own::array_indices, d.indices);
}

void Layout::PutVariant(uint64_t slot, const VariantType& v) {
  namespace own = slot::VariantSubType;
  const Placed t =
      b_.Table(slot, Fields().Ref(own::shape).Put(own::type, Number(v.type)).Put(own::has_rank, Flag(v.has_rank)));
  b_.Numbers(t.slot(own::shape), v.shape);
}

void Layout::PutOperator(uint64_t slot, const Operator& op) {
  namespace own = slot::Operator;
  const bool large = next_custom_ < contents_.custom.size() && contents_.custom[next_custom_].first == &op;
  const size_t block = large ? BlockOf(contents_.custom[next_custom_++].second) : Contents::kNone;
  const bool placed = large && outside_;
  const UnionPlace place = op.options.stored() ? PlaceOf(op.options.table()) : UnionPlace{};
  const bool first = place.which == OptionsUnion::kFirst;
  const bool second = place.which == OptionsUnion::kSecond;
  Fields f;
  f.Put(own::opcode_index, op.opcode_index).Ref(own::inputs).Ref(own::outputs);
  f.Put(own::builtin_options_type, first ? place.number : uint8_t{0}).RefIf(first, own::builtin_options);
  f.Put(own::builtin_options_2_type, second ? place.number : uint8_t{0}).RefIf(second, own::builtin_options_2);
  f.RefIf(!op.custom_options.empty() && !placed, own::custom_options);
  f.Put(own::custom_options_format, Number(op.custom_options_format));
  f.RefIf(!op.mutating_variable_inputs.empty(), own::mutating_variable_inputs);
  f.RefIf(!op.intermediates.empty(), own::intermediates);
  f.Put(own::debug_metadata_index, op.debug_metadata_index, -1);
  if (placed) {
    f.Always(own::large_custom_options_offset, uint64_t{0});
    f.Put(own::large_custom_options_size, static_cast<uint64_t>(op.custom_options.size()));
  }
  const Placed t = b_.Table(slot, f);
  b_.Numbers(t.slot(own::inputs), op.inputs);
  b_.Numbers(t.slot(own::outputs), op.outputs);
  if (first) PutOptions(t.slot(own::builtin_options), op.options);
  if (second) PutOptions(t.slot(own::builtin_options_2), op.options);
  if (placed) {
    b_.PlaceOfBlock(t.slot(own::large_custom_options_offset), block);
  } else if (large) {
    b_.RefBlock(t.slot(own::custom_options), block);
  } else if (!op.custom_options.empty()) {
    b_.Vector(t.slot(own::custom_options), op.custom_options, 1);
  }
  if (!op.mutating_variable_inputs.empty()) {
    b_.Numbers(t.slot(own::mutating_variable_inputs), op.mutating_variable_inputs);
  }
  if (!op.intermediates.empty()) b_.Numbers(t.slot(own::intermediates), op.intermediates);
}

void Layout::PutOptions(uint64_t slot, const Options& options) {
  Fields f;
  for (size_t k = 0; k < options.values().size(); ++k) {
    const FieldDef& field = options.table()->fields[k];
    const OptionValue& value = options.values()[k];
    if (!value.set) continue;
    switch (field.type) {
      case FieldType::kText:
      case FieldType::kVector: f.Ref(field.id); break;
      case FieldType::kFloat32:
        // By bits: a negative zero is no zero.
        f.Put(field.id, std::bit_cast<uint32_t>(value.f), std::bit_cast<uint32_t>(static_cast<float>(field.fallback)));
        break;
      case FieldType::kInt64: f.Put(field.id, value.i, field.fallback); break;
      case FieldType::kInt32:
      case FieldType::kUint32:
        f.Put(field.id, static_cast<int32_t>(value.i), static_cast<int32_t>(field.fallback));
        break;
      default: f.Put(field.id, static_cast<int8_t>(value.i), static_cast<int8_t>(field.fallback));
    }
  }
  const Placed t = b_.Table(slot, f);
  for (size_t k = 0; k < options.values().size(); ++k) {
    const FieldDef& field = options.table()->fields[k];
    const OptionValue& value = options.values()[k];
    if (!value.set) continue;
    const unsigned width = ScalarBytes(field.element);
    if (field.type == FieldType::kText) b_.Text(t.slot(field.id), AsText({value.data, value.count}));
    if (field.type == FieldType::kVector) b_.Vector(t.slot(field.id), {value.data, size_t{value.count} * width}, width);
  }
}

void Layout::PutBuffer(uint64_t slot, size_t content) {
  namespace own = slot::Buffer;
  if (content == Contents::kNone) {
    b_.Table(slot, {});
  } else if (outside_) {
    const uint64_t bytes = contents_.contents.BytesOf(content);
    const Placed t = b_.Table(slot, Fields().Always(own::offset, uint64_t{0}).Put(own::size, bytes));
    b_.PlaceOfBlock(t.slot(own::offset), BlockOf(content));
  } else {
    const Placed t = b_.Table(slot, Fields().Ref(own::data));
    b_.RefBlock(t.slot(own::data), BlockOf(content));
  }
}

void Layout::PutMetadata(uint64_t slot, const Metadata& m) {
  const Placed t = b_.Table(slot, Fields().Ref(slot::Metadata::name).Put(slot::Metadata::buffer, m.buffer));
  b_.Text(t.slot(slot::Metadata::name), m.name);
}

void Layout::PutSignature(uint64_t slot, const SignatureDef& s) {
  namespace own = slot::SignatureDef;
  Fields f;
  f.Ref(own::inputs).Ref(own::outputs).Ref(own::signature_key).Put(own::subgraph_index, s.subgraph_index);
  const Placed t = b_.Table(slot, f);
  All(t.slot(own::inputs), s.inputs, &Layout::PutTensorMap);
  All(t.slot(own::outputs), s.outputs, &Layout::PutTensorMap);
  b_.Text(t.slot(own::signature_key), s.key);
}

void Layout::PutTensorMap(uint64_t slot, const TensorMap& m) {
  namespace own = slot::TensorMap;
  const Placed t = b_.Table(slot, Fields().Ref(own::name).Put(own::tensor_index, m.tensor_index));
  b_.Text(t.slot(own::name), m.name);
}

void Layout::PutExternal(uint64_t slot, const ExternalBuffer& e) {
  namespace own = slot::ExternalBuffer;
  Fields f;
  f.Put(own::id, e.id).Put(own::group, e.group).Put(own::offset, e.offset).Put(own::length, e.length);
  const Placed t = b_.Table(slot, f.RefIf(!e.packing.empty(), own::packing));
  if (!e.packing.empty()) b_.Text(t.slot(own::packing), e.packing);
}

}  // namespace godwit::tflite
