#include "formats/tflite/parser.h"

#include <algorithm>

#include "base/checked.h"
#include "base/diag_tflite.h"
#include "base/text.h"
#include "formats/tflite/slots.h"

namespace godwit::tflite {

namespace {

template <class E>
E EnumOf(const flat::Table& t, uint16_t id) {
  return static_cast<E>(t.Get<std::underlying_type_t<E>>(id));
}

// An offset of 0 means that there is none, and so does 1, which writers reserve.
constexpr uint64_t kLeastOffset = 2;

}  // namespace

bool Parser::Count(int64_t Limits::*most, size_t n, uint64_t at) {
  int64_t& all = most == &Limits::nodes ? nodes_ : tensors_;
  all += static_cast<int64_t>(n);
  if (all <= context_->limits().*most) return true;
  context_->Fail(LimitExceeded(context_->limits(), most, static_cast<uint64_t>(all),
                               most == &Limits::nodes ? "operators of the model" : "tensors of the model"),
                 at);
  return false;
}

ByteSpan Parser::Behind(uint64_t offset, uint64_t size, uint64_t at) {
  const ByteSpan file = context_->file();
  if (!FitsWithin(offset, size, file.size())) {
    context_->Fail(Diag(diag::kTfliteBufferRange,
                        Concat(std::to_string(size), " bytes are said to lie at byte ", std::to_string(offset),
                               ", but the file has ", std::to_string(file.size()))),
                   at);
    return {};
  }
  (void)context_->Need(offset, size);
  return file.subspan(offset, size);
}

Model Parser::ReadModel() {
  const flat::Table t = context_->Root();
  Model m;
  m.version = t.Get<uint32_t>(slot::Model::version);
  m.description = t.Text(slot::Model::description);
  m.operator_codes = All(t, slot::Model::operator_codes, &Parser::ReadCode);
  m.buffers = All(t, slot::Model::buffers, &Parser::ReadBuffer);
  m.subgraphs = All(t, slot::Model::subgraphs, &Parser::ReadSubGraph);
  m.metadata_buffer = Numbers<int32_t>(t, slot::Model::metadata_buffer);
  m.metadata = All<Metadata>(t, slot::Model::metadata, &Parser::ReadMetadata);
  m.signature_defs = All(t, slot::Model::signature_defs, &Parser::ReadSignature);
  m.external_buffer_groups = All<std::string_view>(t, slot::Model::external_buffer_groups, &Parser::ReadGroup);
  m.external_buffers = All(t, slot::Model::external_buffers, &Parser::ReadExternal);
  m.arena = arena_.resource();
  return m;
}

OperatorCode Parser::ReadCode(const flat::Table& t) {
  OperatorCode out;
  // Files of before operator 127 have the small field only; later ones hold a placeholder in it.
  const int32_t small = t.Get<int8_t>(slot::OperatorCode::deprecated_builtin_code);
  const auto large = t.Get<int32_t>(slot::OperatorCode::builtin_code);
  out.code = static_cast<BuiltinOperator>(std::max(small, large));
  out.custom_code = t.Text(slot::OperatorCode::custom_code);
  out.version = t.Get<int32_t>(slot::OperatorCode::version, 1);
  return out;
}

Buffer Parser::ReadBuffer(const flat::Table& t) {
  Buffer out;
  out.bytes = t.Elements(slot::Buffer::data, 1);
  const auto offset = t.Get<uint64_t>(slot::Buffer::offset);
  if (out.bytes.empty() && offset >= kLeastOffset) {
    out.bytes = Behind(offset, t.Get<uint64_t>(slot::Buffer::size), t.at());
  }
  return out;
}

SubGraph Parser::ReadSubGraph(const flat::Table& t) {
  SubGraph out;
  out.name = t.Text(slot::SubGraph::name);
  out.tensors = All(t, slot::SubGraph::tensors, &Parser::ReadTensor, &Limits::tensors);
  out.inputs = Numbers<int32_t>(t, slot::SubGraph::inputs);
  out.outputs = Numbers<int32_t>(t, slot::SubGraph::outputs);
  out.operators = All(t, slot::SubGraph::operators, &Parser::ReadOperator, &Limits::nodes);
  out.debug_metadata_index = t.Get<int32_t>(slot::SubGraph::debug_metadata_index, -1);
  return out;
}

Tensor Parser::ReadTensor(const flat::Table& t) {
  Tensor out;
  out.name = t.Text(slot::Tensor::name);
  out.shape = Numbers<int32_t>(t, slot::Tensor::shape);
  out.shape_signature = Numbers<int32_t>(t, slot::Tensor::shape_signature);
  out.type = EnumOf<TensorType>(t, slot::Tensor::type);
  out.buffer = t.Get<uint32_t>(slot::Tensor::buffer);
  out.external_buffer = t.Get<uint32_t>(slot::Tensor::external_buffer);
  out.is_variable = t.Flag(slot::Tensor::is_variable);
  out.has_rank = t.Flag(slot::Tensor::has_rank);
  out.quantization = ReadQuantization(t.Child(slot::Tensor::quantization));
  out.sparsity = ReadSparsity(t.Child(slot::Tensor::sparsity));
  out.variant_types = All(t, slot::Tensor::variant_tensors, &Parser::ReadVariant);
  return out;
}

const Quantization* Parser::ReadQuantization(const flat::Table& t) {
  if (!t.present()) return nullptr;
  const std::span<Quantization> place = Fresh<Quantization>(1);
  if (place.empty()) return nullptr;
  Quantization& out = place[0];
  namespace own = slot::QuantizationParameters;
  out.min = Numbers<float>(t, own::min);
  out.max = Numbers<float>(t, own::max);
  out.scale = Numbers<float>(t, own::scale);
  out.zero_point = Numbers<int64_t>(t, own::zero_point);
  out.quantized_dimension = t.Get<int32_t>(own::quantized_dimension);
  const auto kind = t.Get<uint8_t>(own::details_type);
  const flat::Table details = t.Child(own::details);
  if (kind == 0 || !details.present()) return &out;
  out.details = static_cast<Quantization::Details>(kind);
  switch (out.details) {
    case Quantization::Details::kCustom: out.custom = details.Elements(slot::CustomQuantization::custom, 1); break;
    case Quantization::Details::kBlockwise:
      out.scales = details.Get<int32_t>(slot::BlockwiseQuantization::scales);
      out.zero_points = details.Get<int32_t>(slot::BlockwiseQuantization::zero_points);
      out.block_size = details.Get<int32_t>(slot::BlockwiseQuantization::block_size);
      break;
    case Quantization::Details::kMultiAxis:
      out.scales = details.Get<int32_t>(slot::MultiAxisQuantization::scales);
      out.zero_points = details.Get<int32_t>(slot::MultiAxisQuantization::zero_points);
      out.block_size = details.Get<int32_t>(slot::MultiAxisQuantization::block_size);
      out.quantized_dimensions = Numbers<int32_t>(details, slot::MultiAxisQuantization::quantized_dimensions);
      break;
    default: context_->Fail(Diag(diag::kTfliteUnion, Concat("quantisation of kind ", std::to_string(kind))), t.at());
  }
  return &out;
}

const Sparsity* Parser::ReadSparsity(const flat::Table& t) {
  if (!t.present()) return nullptr;
  const std::span<Sparsity> place = Fresh<Sparsity>(1);
  if (place.empty()) return nullptr;
  place[0].traversal_order = Numbers<int32_t>(t, slot::SparsityParameters::traversal_order);
  place[0].block_map = Numbers<int32_t>(t, slot::SparsityParameters::block_map);
  place[0].dimensions = All(t, slot::SparsityParameters::dim_metadata, &Parser::ReadSparseDimension);
  return place.data();
}

SparseDimension Parser::ReadSparseDimension(const flat::Table& t) {
  SparseDimension out;
  out.format = EnumOf<DimensionType>(t, slot::DimensionMetadata::format);
  out.dense_size = t.Get<int32_t>(slot::DimensionMetadata::dense_size);
  out.segments = ReadIndices(t, slot::DimensionMetadata::array_segments_type);
  out.indices = ReadIndices(t, slot::DimensionMetadata::array_indices_type);
  return out;
}

IndexVector Parser::ReadIndices(const flat::Table& t, uint16_t type_id) {
  IndexVector out;
  const auto kind = t.Get<uint8_t>(type_id);
  const flat::Table values = t.Child(type_id + 1);
  if (kind == 0 || !values.present()) return out;
  out.kind = static_cast<IndexVector::Kind>(kind);
  switch (out.kind) {
    case IndexVector::Kind::kInt32: out.bytes = values.Elements(slot::Int32Vector::values, 4); break;
    case IndexVector::Kind::kUint16: out.bytes = values.Elements(slot::Uint16Vector::values, 2); break;
    case IndexVector::Kind::kUint8: out.bytes = values.Elements(slot::Uint8Vector::values, 1); break;
    default: context_->Fail(Diag(diag::kTfliteUnion, Concat("indices of kind ", std::to_string(kind))), t.at());
  }
  // Bytes are walked here, unlike those of constants.
  (void)context_->Walk(out.bytes.size());
  return out;
}

VariantType Parser::ReadVariant(const flat::Table& t) {
  return {Numbers<int32_t>(t, slot::VariantSubType::shape), EnumOf<TensorType>(t, slot::VariantSubType::type),
          t.Flag(slot::VariantSubType::has_rank)};
}

Operator Parser::ReadOperator(const flat::Table& t) {
  namespace own = slot::Operator;
  Operator out;
  out.opcode_index = t.Get<uint32_t>(own::opcode_index);
  out.inputs = Numbers<int32_t>(t, own::inputs);
  out.outputs = Numbers<int32_t>(t, own::outputs);
  out.intermediates = Numbers<int32_t>(t, own::intermediates);
  out.mutating_variable_inputs = Numbers<uint8_t>(t, own::mutating_variable_inputs);
  out.custom_options_format = EnumOf<CustomOptionsFormat>(t, own::custom_options_format);
  out.custom_options = t.Elements(own::custom_options, 1);
  const auto offset = t.Get<uint64_t>(own::large_custom_options_offset);
  if (offset >= kLeastOffset) {
    out.custom_options = Behind(offset, t.Get<uint64_t>(own::large_custom_options_size), t.at());
  }
  out.debug_metadata_index = t.Get<int32_t>(own::debug_metadata_index, -1);
  UnionPlace place{OptionsUnion::kFirst, t.Get<uint8_t>(own::builtin_options_type)};
  flat::Table options = t.Child(own::builtin_options);
  if (place.number == 0 || !options.present()) {
    place = {OptionsUnion::kSecond, t.Get<uint8_t>(own::builtin_options_2_type)};
    options = t.Child(own::builtin_options_2);
  }
  if (place.number != 0 && options.present()) {
    if (const TableDef* table = MemberOf(place)) {
      out.options = ReadOptions(options, table);
    } else {
      context_->Fail(Diag(diag::kTfliteUnion, Concat("options of kind ", std::to_string(place.number))), t.at());
    }
  }
  return out;
}

Options Parser::ReadOptions(const flat::Table& t, const TableDef* table) {
  const std::span<OptionValue> values = Fresh<OptionValue>(table->fields.size());
  if (values.size() != table->fields.size()) return Options(table);
  for (size_t k = 0; k < values.size(); ++k) {
    const FieldDef& field = table->fields[k];
    OptionValue& value = values[k];
    value.set = t.Has(field.id);
    if (!value.set) continue;
    switch (field.type) {
      case FieldType::kBool:
      case FieldType::kUint8: value.i = t.Get<uint8_t>(field.id); break;
      case FieldType::kInt8: value.i = t.Get<int8_t>(field.id); break;
      case FieldType::kInt32: value.i = t.Get<int32_t>(field.id); break;
      case FieldType::kUint32: value.i = t.Get<uint32_t>(field.id); break;
      case FieldType::kInt64: value.i = t.Get<int64_t>(field.id); break;
      case FieldType::kFloat32: value.f = t.Get<float>(field.id); break;
      case FieldType::kText: {
        const std::string_view text = t.Text(field.id);
        value.data = AsBytes(text).data();
        value.count = static_cast<uint32_t>(text.size());
        break;
      }
      case FieldType::kVector: {
        const unsigned width = ScalarBytes(field.element);
        const ByteSpan bytes = t.Elements(field.id, width);
        value.data = bytes.data();
        value.count = static_cast<uint32_t>(bytes.size() / width);
        break;
      }
      default: CHECK(false);  // no options have fields of other types
    }
  }
  return {table, values};
}

Metadata Parser::ReadMetadata(const flat::Table& t) {
  return {t.Text(slot::Metadata::name), t.Get<uint32_t>(slot::Metadata::buffer)};
}

SignatureDef Parser::ReadSignature(const flat::Table& t) {
  SignatureDef out;
  out.key = t.Text(slot::SignatureDef::signature_key);
  out.subgraph_index = t.Get<uint32_t>(slot::SignatureDef::subgraph_index);
  out.inputs = All(t, slot::SignatureDef::inputs, &Parser::ReadTensorMap);
  out.outputs = All(t, slot::SignatureDef::outputs, &Parser::ReadTensorMap);
  return out;
}

TensorMap Parser::ReadTensorMap(const flat::Table& t) {
  return {t.Text(slot::TensorMap::name), t.Get<uint32_t>(slot::TensorMap::tensor_index)};
}

std::string_view Parser::ReadGroup(const flat::Table& t) { return t.Text(slot::ExternalBufferGroup::name); }

ExternalBuffer Parser::ReadExternal(const flat::Table& t) {
  namespace own = slot::ExternalBuffer;
  return {t.Get<uint32_t>(own::id), t.Get<uint32_t>(own::group), t.Get<uint64_t>(own::offset),
          t.Get<uint64_t>(own::length), t.Text(own::packing)};
}

}  // namespace godwit::tflite
