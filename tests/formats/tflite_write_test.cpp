#include "formats/tflite/write.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "formats/tflite/parse.h"
#include "formats/zip/zip_reader.h"
#include "formats/zip/zip_writer.h"
#include "support/temp_dir.h"
#include "support/tflite_builder.h"

namespace godwit::tflite {
namespace {

using testing::AddConvolution;
using testing::IdOf;
using testing::TempDir;
using testing::TfliteModel;

// The model of these bytes, which have to outlive it.
Model Read(const std::string& bytes) {
  auto model = ParseModel(AsBytes(bytes), {});
  EXPECT_TRUE(model.ok()) << (model.ok() ? "" : model.diag().what);
  return model.ok() ? *model : Model();
}

std::string Problems(const Model& model) {
  DiagSink sink;
  CheckModel(model, {}, &sink);
  std::string out;
  for (const Diag& d : sink.all()) out += d.id + " " + d.what + "\n";
  return out;
}

template <class T>
std::vector<T> List(std::span<const T> items) {
  return {items.begin(), items.end()};
}

// Every kind of part that a model can have.
void AddEverything(TfliteModel* m) {
  AddConvolution(m);
  Tensor& x = m->main().tensors[0];
  x.shape_signature = m->arena.Array(std::vector<int32_t>{-1, 4, 4, 2});
  Quantization& q = m->Quantize(1, {0.5F, 0.25F, 2.F}, {0, 1, -1});
  q.min = m->arena.Array(std::vector<float>{-1.F});
  q.max = m->arena.Array(std::vector<float>{1.F});
  m->Tensor("state", TensorType::kFloat32, {2});
  m->main().tensors.back().is_variable = true;
  const int32_t blocks = m->Constant<int8_t>("blocks", TensorType::kInt8, {2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  Quantization& blockwise = m->Quantize(blocks, {}, {});
  blockwise.details = Quantization::Details::kBlockwise;
  blockwise.scales = 1;
  blockwise.zero_points = -1;
  blockwise.block_size = 4;
  const int32_t axes = m->Constant<int8_t>("axes", TensorType::kInt8, {2, 4}, {1, 2, 3, 4, 5, 6, 7, 9});
  Quantization& multi = m->Quantize(axes, {}, {});
  multi.details = Quantization::Details::kMultiAxis;
  multi.scales = 1;
  multi.zero_points = 2;
  multi.quantized_dimensions = m->arena.Array(std::vector<int32_t>{0, 1});
  const int32_t custom = m->Tensor("custom", TensorType::kInt8, {2});
  Quantization& own = m->Quantize(custom, {}, {});
  own.details = Quantization::Details::kCustom;
  own.custom = m->arena.Bytes(AsBytes("own"));

  const int32_t sparse = m->Constant<float>("sparse", TensorType::kFloat32, {2, 4}, {1, 2, 3});
  Sparsity s;
  s.traversal_order = m->arena.Array(std::vector<int32_t>{0, 1});
  SparseDimension rows, columns;
  rows.dense_size = 2;
  columns.format = DimensionType::kSparseCsr;
  columns.segments = {IndexVector::Kind::kUint8, m->arena.Bytes(AsBytes(std::string_view("\0\2\3", 3)))};
  columns.indices = {IndexVector::Kind::kUint16, m->arena.Bytes(AsBytes(std::string_view("\0\0\3\0\1\0", 6)))};
  s.dimensions = m->arena.Array(std::vector<SparseDimension>{rows, columns});
  m->main().tensors[static_cast<size_t>(sparse)].sparsity = m->arena.One(s);

  const int32_t variant = m->Input("variant", {}, TensorType::kVariant);
  m->main().tensors[static_cast<size_t>(variant)].variant_types =
      m->arena.Array(std::vector<VariantType>{{m->arena.Array(std::vector<int32_t>{3}), TensorType::kInt64, true}});
  m->Tensor("beside", TensorType::kUint8, {5});
  m->main().tensors.back().external_buffer = 9;

  const int32_t z = m->Tensor("z", TensorType::kFloat32, {1});
  Operator& mine = m->Custom("Mine", {0, -1}, {z});
  mine.custom_options = m->arena.Bytes(AsBytes("bytes"));
  mine.mutating_variable_inputs = m->arena.Array(std::vector<uint8_t>{0, 1});
  mine.intermediates = m->arena.Array(std::vector<int32_t>{z});
  mine.debug_metadata_index = 3;
  m->main().name = "main";
  m->rest.description = "a description";
  m->rest.metadata_buffer = m->arena.Array(std::vector<int32_t>{1});
  m->rest.metadata = m->arena.Array(std::vector<Metadata>{{"min_runtime_version", m->Buffer("2.17.0")}});
  SignatureDef signature;
  signature.key = "serving_default";
  signature.inputs = m->arena.Array(std::vector<TensorMap>{{"image", 0}});
  signature.outputs = m->arena.Array(std::vector<TensorMap>{{"scores", 3}});
  m->rest.signature_defs = m->arena.Array(std::vector<SignatureDef>{signature});
  m->rest.external_buffer_groups = m->arena.Array(std::vector<std::string_view>{"weights.bin"});
  m->rest.external_buffers = m->arena.Array(std::vector<ExternalBuffer>{{9, 0, 64, 5, "raw"}});
}

void ExpectEverything(const Model& m) {
  EXPECT_EQ(m.description, "a description");
  const SubGraph& g = m.subgraphs[0];
  EXPECT_EQ(g.name, "main");
  EXPECT_EQ(List(g.tensors[0].shape), (std::vector<int32_t>{1, 4, 4, 2}));
  EXPECT_EQ(List(g.tensors[0].shape_signature), (std::vector<int32_t>{-1, 4, 4, 2}));
  const auto named = [&](std::string_view name) -> const Tensor& {
    return *std::ranges::find(g.tensors, name, &Tensor::name);
  };
  EXPECT_EQ(List(named("w").quantization->scale), (std::vector<float>{0.5F, 0.25F, 2.F}));
  EXPECT_EQ(List(named("w").quantization->zero_point), (std::vector<int64_t>{0, 1, -1}));
  EXPECT_EQ(named("w").quantization->min[0], -1.F);
  EXPECT_EQ(named("w").quantization->max[0], 1.F);
  EXPECT_TRUE(named("state").is_variable);
  EXPECT_EQ(named("blocks").quantization->details, Quantization::Details::kBlockwise);
  EXPECT_EQ(named("blocks").quantization->zero_points, -1);
  EXPECT_EQ(named("blocks").quantization->block_size, 4);
  EXPECT_EQ(List(named("axes").quantization->quantized_dimensions), (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(AsText(named("custom").quantization->custom), "own");
  const Sparsity& s = *named("sparse").sparsity;
  EXPECT_EQ(s.dimensions[0].dense_size, 2);
  EXPECT_EQ(s.dimensions[1].format, DimensionType::kSparseCsr);
  EXPECT_EQ(s.dimensions[1].segments[2], 3);
  EXPECT_EQ(s.dimensions[1].indices.size(), 3U);
  EXPECT_EQ(s.dimensions[1].indices[1], 3);
  EXPECT_EQ(named("variant").variant_types[0].type, TensorType::kInt64);
  EXPECT_TRUE(named("variant").variant_types[0].has_rank);
  EXPECT_EQ(named("beside").external_buffer, 9U);
  const Operator& conv = g.operators[0];
  EXPECT_EQ(m.OperatorNameOf(conv), "CONV_2D");
  EXPECT_EQ(conv.options.Enum<Padding>("padding"), Padding::kValid);
  EXPECT_EQ(conv.options.Int("dilation_w_factor"), 1);
  const Operator& mine = g.operators[1];
  EXPECT_EQ(m.OperatorNameOf(mine), "Mine");
  EXPECT_FALSE(mine.options.stored());
  EXPECT_EQ(AsText(mine.custom_options), "bytes");
  EXPECT_EQ(List(mine.inputs), (std::vector<int32_t>{0, -1}));
  EXPECT_EQ(List(mine.mutating_variable_inputs), (std::vector<uint8_t>{0, 1}));
  EXPECT_EQ(mine.intermediates.size(), 1U);
  EXPECT_EQ(mine.debug_metadata_index, 3);
  EXPECT_EQ(m.metadata[0].name, "min_runtime_version");
  EXPECT_EQ(AsText(m.buffers[m.metadata[0].buffer].bytes), "2.17.0");
  EXPECT_EQ(m.metadata_buffer[0], 1);
  EXPECT_EQ(m.signature_defs[0].key, "serving_default");
  EXPECT_EQ(m.signature_defs[0].outputs[0].tensor_index, 3U);
  EXPECT_EQ(m.external_buffer_groups[0], "weights.bin");
  EXPECT_EQ(m.external_buffers[0].packing, "raw");
  EXPECT_EQ(m.external_buffers[0].offset, 64U);
}

TEST(TfliteWrite, EveryPartReadsBack) {
  TfliteModel m;
  AddEverything(&m);
  const std::string bytes = m.Bytes();
  const Model again = Read(bytes);
  ExpectEverything(again);
  EXPECT_EQ(Problems(again), "");
  EXPECT_EQ(*SerializeModel(again), bytes);
  EXPECT_EQ(*ModelBytes(again), bytes.size());
  TempDir dir;
  auto file = AtomicFile::Create(dir.Path("m.tflite"));
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(WriteModel(again, {}, &*file).ok());
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(TempDir::Read(dir.Path("m.tflite")), bytes);
}

TEST(TfliteWrite, ConstantsBehindTheTablesReadBack) {
  TfliteModel m;
  AddEverything(&m);
  m.main().operators[1].custom_options = m.arena.Bytes(AsBytes(std::string(100000, 'c')));
  const WriteOptions options{64, 100};
  const std::string bytes = m.Bytes(options);
  const Model again = Read(bytes);
  EXPECT_EQ(again.metadata.back().name, "buffer_location");
  EXPECT_EQ(AsText(again.buffers[again.metadata.back().buffer].bytes), "outside flatbuffers");
  EXPECT_EQ(AsText(again.subgraphs[0].operators[1].custom_options), std::string(100000, 'c'));
  EXPECT_EQ(AsText(again.buffers[again.metadata[0].buffer].bytes), "2.17.0");
  EXPECT_EQ(*SerializeModel(again, options), bytes);
  // Back among the tables, nothing claims that they are elsewhere.
  const std::string inside = *SerializeModel(again);
  EXPECT_EQ(Read(inside).metadata.size(), 1U);
  EXPECT_EQ(AsText(Read(inside).subgraphs[0].operators[1].custom_options), std::string(100000, 'c'));
}

TEST(TfliteWrite, ConstantsAreAlignedAndStoredOnce) {
  TfliteModel m;
  AddConvolution(&m);
  const std::string large(2000, 'k');
  const uint32_t one = m.Buffer(large), two = m.Buffer(large), other = m.Buffer(std::string(1999, 'k') + 'x');
  const uint32_t small = m.Buffer("abcd");
  const std::string bytes = m.Bytes();
  const Model again = Read(bytes);
  const auto place = [&](uint32_t k) { return again.buffers[k].bytes.data() - AsBytes(bytes).data(); };
  EXPECT_EQ(place(one), place(two));
  EXPECT_NE(place(one), place(other));
  EXPECT_EQ(place(one) % 64, 0);
  EXPECT_EQ(place(other) % 64, 0);
  EXPECT_EQ(place(small) % 16, 0);
  EXPECT_EQ(AsText(again.buffers[other].bytes).back(), 'x');
  EXPECT_LT(bytes.size(), 6000U);
}

TEST(TfliteWrite, TablesThatOffsetsDoNotSpanAreRefused) {
  TfliteModel m;
  AddConvolution(&m);
  EXPECT_EQ(IdOf(SerializeModel(m.Build(), {64, 100, 100})), "tflite.too_large");
}

// Bytes in pieces of all lengths, as one that makes them may hand them out.
class Pieces final : public Payload {
 public:
  explicit Pieces(std::string bytes) : bytes_(std::move(bytes)) {}
  [[nodiscard]] uint64_t size() const override { return bytes_.size(); }
  Status Write(const std::function<Status(ByteSpan)>& sink) const override {
    size_t step = 1;
    for (size_t at = 0; at < bytes_.size(); at += step++) {
      RETURN_IF_ERROR(sink(AsBytes(bytes_).subspan(at, std::min(step, bytes_.size() - at))));
    }
    return Ok{};
  }

 private:
  std::string bytes_;
};

TEST(TfliteWrite, PayloadsAreWrittenAndMergedLikeBytes) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += static_cast<char>(i * 7);
  const Pieces pieces(text);
  TfliteModel m;
  AddConvolution(&m);
  const uint32_t plain = m.Buffer(text);
  m.buffers.push_back({{}, &pieces});
  const std::string bytes = m.Bytes();
  const Model again = Read(bytes);
  EXPECT_EQ(AsText(again.buffers.back().bytes), text);
  EXPECT_EQ(again.buffers.back().bytes.data(), again.buffers[plain].bytes.data());
}

class Broken final : public Payload {
 public:
  [[nodiscard]] uint64_t size() const override { return 8; }
  Status Write(const std::function<Status(ByteSpan)>&) const override { return Diag(diag::kZipMalformed, "no bytes"); }
};

TEST(TfliteWrite, AFailureOfAPayloadIsPassedOn) {
  const Broken broken;
  TfliteModel m;
  m.buffers.push_back({{}, &broken});
  EXPECT_EQ(IdOf(SerializeModel(m.Build())), "zip.malformed");
  m.buffers.push_back({{}, &broken});
  EXPECT_EQ(IdOf(SerializeModel(m.Build())), "zip.malformed");
}

TEST(TfliteWrite, OldAndNewReadersFindTheOperator) {
  TfliteModel m;
  m.codes = {{BuiltinOperator::kGelu, {}, 2}, {BuiltinOperator::kConv2d, {}, 1}, {BuiltinOperator::kCustom, "Own", 1}};
  const std::string bytes = m.Bytes();
  const Model again = Read(bytes);
  EXPECT_EQ(again.operator_codes[0].code, BuiltinOperator::kGelu);
  EXPECT_EQ(again.operator_codes[0].version, 2);
  EXPECT_EQ(again.operator_codes[1].code, BuiltinOperator::kConv2d);
  EXPECT_EQ(again.operator_codes[2].custom_code, "Own");
  // The small field of operator 150 holds the placeholder.
  EXPECT_NE(bytes.find('\x7F'), std::string::npos);
}

// Each field of each options table, set to what is not its default.
TEST(TfliteWrite, TheOptionsOfEveryOperatorReadBack) {
  size_t tables = 0;
  for (const TableDef& table : AllTables()) {
    if (PlaceOf(&table).which == OptionsUnion::kNone) continue;
    ++tables;
    TfliteModel m;
    OptionsSetter set(&m.arena, &table);
    const std::vector<int64_t> ints = {1, 0, 1};
    const std::vector<float> floats = {0.5F, -0.0F};
    for (const FieldDef& f : table.fields) {
      if (f.type == FieldType::kFloat32) set.Float(f.name, -0.0F);
      if (f.type == FieldType::kText) set.Text(f.name, "text");
      if (f.type == FieldType::kVector && f.element == FieldType::kFloat32) set.Floats(f.name, floats);
      if (f.type == FieldType::kVector && f.element != FieldType::kFloat32) set.Ints(f.name, ints);
      if (ScalarBytes(f.type) != 0 && f.type != FieldType::kFloat32) set.Int(f.name, f.fallback == 0 ? 1 : 0);
    }
    m.Op(BuiltinOperator::kAdd, {}, {}).options = set.options();
    const std::string bytes = m.Bytes();
    const Model again = Read(bytes);
    const Options& o = again.subgraphs[0].operators[0].options;
    ASSERT_EQ(o.table(), &table) << table.name;
    for (const FieldDef& f : table.fields) {
      SCOPED_TRACE(std::string(table.name) + "." + std::string(f.name));
      switch (f.type) {
        case FieldType::kFloat32: EXPECT_TRUE(std::signbit(o.Float(f.name))); break;
        case FieldType::kText: EXPECT_EQ(o.Text(f.name), "text"); break;
        case FieldType::kVector:
          if (f.element == FieldType::kFloat32) {
            EXPECT_EQ(o.Floats(f.name), floats);
          } else {
            EXPECT_EQ(o.Ints(f.name), ints);
          }
          break;
        default: EXPECT_EQ(o.Int(f.name), f.fallback == 0 ? 1 : 0);
      }
    }
  }
  EXPECT_EQ(tables, 149U);
}

TEST(TfliteSchema, DefaultsAndNamesAreThoseOfTheSchema) {
  EXPECT_TRUE(Options(FindTable("AddOptions")).Bool("pot_scale_int16"));
  EXPECT_TRUE(Options(FindTable("BidirectionalSequenceLSTMOptions")).Bool("time_major"));
  EXPECT_EQ(Options(FindTable("UniqueOptions")).Enum<TensorType>("idx_out_type"), TensorType::kInt32);
  EXPECT_EQ(Options(FindTable("Conv2DOptions")).Int("dilation_h_factor"), 1);
  EXPECT_EQ(Options(FindTable("SoftmaxOptions")).Float("beta"), 0.F);
  EXPECT_EQ(FindTable("Conv4DOptions"), nullptr);
  EXPECT_EQ(OperatorName(BuiltinOperator::kStablehloCase), "STABLEHLO_CASE");
  EXPECT_EQ(OperatorName(static_cast<BuiltinOperator>(210)), "");
  EXPECT_EQ(OptionsOf(BuiltinOperator::kMaxPool2d)->name, "Pool2DOptions");
  EXPECT_EQ(OptionsOf(BuiltinOperator::kRelu), nullptr);
  BuiltinOperator op{};
  ASSERT_TRUE(FindOperator("SELECT_V2", &op));
  EXPECT_EQ(op, BuiltinOperator::kSelectV2);
  EXPECT_FALSE(FindOperator("NO_SUCH", &op));
  EXPECT_EQ(TypeName(TensorType::kFloat8E5m2), "FLOAT8_E5M2");
  EXPECT_EQ(EnumText("Padding", 1), "VALID");
  for (int k = 0; k < 23; ++k) {
    const auto type = static_cast<TensorType>(k);
    EXPECT_FALSE(TypeName(type).empty());
    const bool valued = type != TensorType::kString && type != TensorType::kResource && type != TensorType::kVariant;
    EXPECT_EQ(BitsOf(type) != 0, valued);
  }
}

// The bytes and an archive behind them, whose offsets count from the start of the bytes.
std::string WithArchive(std::string_view bytes) {
  const TempDir dir;
  auto file = AtomicFile::Create(dir.Path("m"));
  EXPECT_TRUE(file.ok() && file->Write(bytes).ok());
  ZipWriter zip(&*file);
  const std::vector<ByteSpan> labels = {AsBytes("cat\n"), AsBytes("dog\n")};
  EXPECT_TRUE(zip.Add("labels.txt", labels, false).ok());
  EXPECT_TRUE(zip.Add("more.txt", labels, false).ok());
  EXPECT_TRUE(zip.Finish().ok() && file->Commit().ok());
  return TempDir::Read(dir.Path("m"));
}

TEST(TfliteWrite, AnAppendedArchiveStaysReadable) {
  TfliteModel m;
  AddConvolution(&m);
  const std::string model = m.Bytes();
  const std::string bytes = WithArchive(model);
  const Model again = Read(bytes);
  ASSERT_EQ(again.appended.size(), bytes.size() - model.size());
  EXPECT_EQ(*SerializeModel(again), bytes);
  // At another place, its offsets still count from the start of the file.
  m.Buffer(std::string(5000, 'k'));
  const std::string longer = m.Bytes();
  m.rest.appended = again.appended;
  EXPECT_EQ(m.Bytes(), WithArchive(longer));
  const std::string moved = m.Bytes();
  const auto zip = ZipReader::Open(AsBytes(moved), {});
  ASSERT_TRUE(zip.ok());
  std::vector<std::byte> owned;
  const auto labels = zip->Read(zip->entries()[1], &owned);
  ASSERT_TRUE(labels.ok());
  EXPECT_EQ(AsText(*labels), "cat\ndog\n");
}

TEST(TfliteWrite, AnArchiveThatCountsFromItsOwnStartIsKeptAsItIs) {
  TfliteModel m;
  AddConvolution(&m);
  const std::string archive = WithArchive("");
  const std::string bytes = m.Bytes() + archive;
  const Model again = Read(bytes);
  EXPECT_EQ(AsText(again.appended), archive);
  EXPECT_EQ(*SerializeModel(again, {256, 0x7FFFFFFF}), m.Bytes({256, 0x7FFFFFFF}) + archive);
}

TEST(TfliteWrite, ADamagedArchiveIsLeftOut) {
  TfliteModel m;
  AddConvolution(&m);
  const std::string model = m.Bytes();
  std::string bytes = WithArchive(model);
  bytes[bytes.size() - 10] = '\x55';
  EXPECT_TRUE(Read(bytes).appended.empty());
  EXPECT_EQ(*SerializeModel(Read(bytes)), model);
  const std::string none = model + "PK\x05\x06 and then nothing that is an archive";
  EXPECT_TRUE(Read(none).appended.empty());
}

}  // namespace
}  // namespace godwit::tflite
