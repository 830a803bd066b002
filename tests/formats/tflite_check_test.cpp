// What may be wrong with a TFLite file in particular (T), part by part.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "formats/tflite/parse.h"
#include "support/temp_dir.h"
#include "support/tflite_builder.h"

namespace godwit::tflite {
namespace {

using testing::AddConvolution;
using testing::IdOf;
using testing::TfliteModel;
using Ints = std::vector<int32_t>;
using Op = BuiltinOperator;

/// The id of the first problem of a model that is written and read first, "" if there is none.
std::string Problem(TfliteModel* m) {
  const std::string bytes = m->Bytes();
  const auto model = ParseModel(AsBytes(bytes), {});
  if (!model.ok()) return model.diag().id;
  DiagSink sink;
  CheckModel(*model, {}, &sink);
  return sink.all().empty() ? "" : sink.all().front().id;
}

/// Of the convolution, spoiled.
std::string Spoiled(const std::function<void(TfliteModel*)>& spoil) {
  TfliteModel m;
  AddConvolution(&m);
  spoil(&m);
  return Problem(&m);
}

TEST(TfliteCheck, AGoodModelHasNoProblems) {
  EXPECT_EQ(Spoiled([](TfliteModel*) {}), "");
}

TEST(TfliteCheck, OtherFilesAndVersionsAreNamed) {
  EXPECT_EQ(IdOf(ParseModel(AsBytes("certainly no model at all"), {})), "tflite.no_model");
  EXPECT_EQ(IdOf(ParseModel(AsBytes(std::string("\x10\0\0\0TFL3", 8)), {})), "flatbuffer.range");
  EXPECT_EQ(Spoiled([](TfliteModel* m) { m->rest.version = 2; }), "tflite.version");
  EXPECT_EQ(Spoiled([](TfliteModel* m) { m->graphs.clear(); }), "tflite.no_model");
}

TEST(TfliteCheck, TensorsAreReferredToWithinTheirGraph) {
  for (const int32_t bad : {-1, -2, 4, INT32_MAX, INT32_MIN}) {
    EXPECT_EQ(Spoiled([&](TfliteModel* m) { m->main().inputs = {bad}; }), "tflite.index");
    EXPECT_EQ(Spoiled([&](TfliteModel* m) { m->main().outputs = {bad}; }), "tflite.index");
    const auto list = [&](TfliteModel* m) { return m->arena.Array(Ints{bad}); };
    EXPECT_EQ(Spoiled([&](TfliteModel* m) { m->main().operators[0].outputs = list(m); }), "tflite.index");
    EXPECT_EQ(Spoiled([&](TfliteModel* m) { m->main().operators[0].intermediates = list(m); }), "tflite.index");
    EXPECT_EQ(Spoiled([&](TfliteModel* m) { m->main().operators[0].inputs = list(m); }),
              bad == -1 ? "" : "tflite.index");
  }
}

TEST(TfliteCheck, OtherReferencesAreWithinTheModel) {
  EXPECT_EQ(Spoiled([](TfliteModel* m) { m->main().tensors[1].buffer = 3; }), "tflite.index");
  EXPECT_EQ(Spoiled([](TfliteModel* m) { m->main().operators[0].opcode_index = 1; }), "tflite.index");
  EXPECT_EQ(Spoiled([](TfliteModel* m) {
              m->rest.metadata = m->arena.Array(std::vector<Metadata>{{"m", 99}});
            }),
            "tflite.index");
  const auto signed_by = [](uint32_t graph, uint32_t tensor) {
    return Spoiled([&](TfliteModel* m) {
      SignatureDef s;
      s.subgraph_index = graph;
      s.outputs = m->arena.Array(std::vector<TensorMap>{{"y", tensor}});
      m->rest.signature_defs = m->arena.Array(std::vector<SignatureDef>{s});
    });
  };
  EXPECT_EQ(signed_by(0, 3), "");
  EXPECT_EQ(signed_by(1, 3), "tflite.index");
  EXPECT_EQ(signed_by(0, 4), "tflite.index");
}

TEST(TfliteCheck, ConstantsBehindTheTablesLieWithinTheFile) {
  TfliteModel m;
  AddConvolution(&m);
  const std::string good = m.Bytes({64, 100});
  ASSERT_TRUE(ParseModel(AsBytes(good), {}).ok());
  EXPECT_EQ(IdOf(ParseModel(AsBytes(good).first(good.size() - 40), {})), "tflite.buffer.range");
}

TEST(TfliteCheck, CustomOperatorsHaveNamesThatAreNoChips) {
  const auto custom = [](std::string_view name) {
    TfliteModel m;
    const int32_t x = m.Input("x", {2}), y = m.Output("y", {2});
    m.Custom(name, {x}, {y});
    return Problem(&m);
  };
  EXPECT_EQ(custom("Mine"), "");
  EXPECT_EQ(custom(""), "tflite.op.custom");
  EXPECT_EQ(custom("edgetpu-custom-op"), "tflite.compiled");
  EXPECT_EQ(custom("ethos-u"), "tflite.compiled");
  EXPECT_EQ(custom("DISPATCH_OP"), "tflite.compiled");
}

TEST(TfliteCheck, OptionsAreThoseOfTheOperator) {
  EXPECT_EQ(Spoiled([](TfliteModel* m) { m->main().operators[0].options = m->Set("Pool2DOptions").options(); }),
            "tflite.options.table");
  // Where an operator has no options, others say nothing.
  EXPECT_EQ(Spoiled([](TfliteModel* m) {
              m->Op(Op::kRelu, {0}, {m->Tensor("r", TensorType::kFloat32, {1, 4, 4, 2})}).options =
                  m->Set("Pool2DOptions").options();
            }),
            "");
}

TEST(TfliteCheck, OptionsHaveValuesThatTheyCanHave) {
  const auto spoiled = [](std::string_view table, Op op, std::string_view field, int64_t value, size_t outputs = 1) {
    TfliteModel m;
    const int32_t x = m.Input("x", {2, 4, 4, 4});
    auto set = m.Set(table);
    for (const FieldDef& f : FindTable(table)->fields) {
      if (f.of.empty() && ScalarBytes(f.type) == 4 && f.type != FieldType::kFloat32) set.Int(f.name, 1);
    }
    set.Int(field, value);
    Ints made;
    for (size_t k = 0; k < outputs; ++k) made.push_back(m.Output("y", {2, 4, 4, 4}));
    m.Op(op, {x}, made).options = set.options();
    return Problem(&m);
  };
  EXPECT_EQ(spoiled("Conv2DOptions", Op::kConv2d, "stride_w", 1), "");
  for (const int64_t bad : {0, -1}) {
    EXPECT_EQ(spoiled("Conv2DOptions", Op::kConv2d, "stride_w", bad), "tflite.options.value");
    EXPECT_EQ(spoiled("Conv2DOptions", Op::kConv2d, "dilation_h_factor", bad), "tflite.options.value");
    EXPECT_EQ(spoiled("Conv3DOptions", Op::kConv3d, "stride_d", bad), "tflite.options.value");
    EXPECT_EQ(spoiled("DepthwiseConv2DOptions", Op::kDepthwiseConv2d, "depth_multiplier", bad), "tflite.options.value");
    EXPECT_EQ(spoiled("TransposeConvOptions", Op::kTransposeConv, "stride_h", bad), "tflite.options.value");
    EXPECT_EQ(spoiled("Pool2DOptions", Op::kMaxPool2d, "filter_width", bad), "tflite.options.value");
    EXPECT_EQ(spoiled("Pool2DOptions", Op::kAveragePool2d, "stride_h", bad), "tflite.options.value");
    EXPECT_EQ(spoiled("SpaceToDepthOptions", Op::kSpaceToDepth, "block_size", bad), "tflite.options.value");
    EXPECT_EQ(spoiled("DepthToSpaceOptions", Op::kDepthToSpace, "block_size", bad), "tflite.options.value");
    EXPECT_EQ(spoiled("SplitOptions", Op::kSplit, "num_splits", bad), "tflite.options.value");
    EXPECT_EQ(spoiled("SplitVOptions", Op::kSplitV, "num_splits", bad), "tflite.options.value");
  }
  EXPECT_EQ(spoiled("SplitOptions", Op::kSplit, "num_splits", 2, 2), "");
  EXPECT_EQ(spoiled("SplitOptions", Op::kSplit, "num_splits", 3, 2), "tflite.options.value");
  EXPECT_EQ(spoiled("UnpackOptions", Op::kUnpack, "num", 3, 2), "tflite.options.value");
  EXPECT_EQ(spoiled("PackOptions", Op::kPack, "values_count", 2), "tflite.options.value");
  EXPECT_EQ(spoiled("Conv2DOptions", Op::kConv2d, "padding", 2), "tflite.options.value");
  EXPECT_EQ(spoiled("AddOptions", Op::kAdd, "fused_activation_function", 6), "tflite.options.value");
  EXPECT_EQ(spoiled("MirrorPadOptions", Op::kMirrorPad, "mode", -1), "tflite.options.value");
  EXPECT_EQ(spoiled("CastOptions", Op::kCast, "out_data_type", 99), "tflite.options.value");
  // Strides that are not stored are zero.
  EXPECT_EQ(Spoiled([](TfliteModel* m) { m->main().operators[0].options = {}; }), "tflite.options.value");
  EXPECT_EQ(Spoiled([](TfliteModel* m) {
              m->main().tensors[1].shape = m->arena.Array(Ints{3, 0, 1, 2});
              m->main().tensors[1].buffer = 0;
            }),
            "tflite.options.value");
  EXPECT_EQ(Spoiled([](TfliteModel* m) {
              auto set = m->Set("SoftmaxOptions");
              set.Float("beta", NAN);
              m->Op(Op::kSoftmax, {3}, {m->Tensor("s", TensorType::kFloat32, {1, 4, 4, 3})}).options = set.options();
            }),
            "tflite.options.value");
}

TEST(TfliteCheck, TensorsHaveTypesAndShapes) {
  const auto with = [](const std::function<void(TfliteModel*, Tensor*)>& spoil) {
    return Spoiled([&](TfliteModel* m) { spoil(m, &m->main().tensors[1]); });
  };
  EXPECT_EQ(with([](TfliteModel*, Tensor* t) { t->type = static_cast<TensorType>(23); }), "tflite.tensor.type");
  EXPECT_EQ(with([](TfliteModel*, Tensor* t) { t->type = static_cast<TensorType>(-1); }), "tflite.tensor.type");
  const auto shaped = [&](const Ints& shape) {
    return with([&](TfliteModel* m, Tensor* t) { t->shape = m->arena.Array(shape); });
  };
  EXPECT_EQ(shaped({3, 1, -1, 2}), "tflite.tensor.shape");
  EXPECT_EQ(shaped({INT32_MAX, INT32_MAX, INT32_MAX}), "tflite.tensor.shape");
  EXPECT_EQ(shaped({INT32_MAX, INT32_MAX, 2}), "tflite.tensor.size");
  EXPECT_EQ(shaped(Ints(33, 1)), "limit.exceeded");
  EXPECT_EQ(shaped({3, 1, 1, 1}), "tflite.tensor.size");
  EXPECT_EQ(with([](TfliteModel* m, Tensor* t) {
              t->shape_signature = m->arena.Array(Ints{3, -1});
            }),
            "tflite.tensor.shape");
  EXPECT_EQ(with([](TfliteModel* m, Tensor* t) {
              t->shape_signature = m->arena.Array(Ints{3, 1, 1, -2});
            }),
            "tflite.tensor.shape");
  EXPECT_EQ(with([](TfliteModel*, Tensor* t) { t->is_variable = true; }), "tflite.tensor.size");
  EXPECT_EQ(with([](TfliteModel*, Tensor* t) { t->type = TensorType::kResource; }), "tflite.tensor.size");
}

TEST(TfliteCheck, PackedElementsFillWholeBytes) {
  const auto packed = [](TensorType type, const Ints& shape, std::string_view bytes) {
    TfliteModel m;
    m.ConstantBytes("w", type, shape, bytes);
    return Problem(&m);
  };
  EXPECT_EQ(packed(TensorType::kInt4, {3}, "ab"), "");
  EXPECT_EQ(packed(TensorType::kInt4, {3}, "a"), "tflite.tensor.size");
  EXPECT_EQ(packed(TensorType::kInt4, {3}, "abc"), "tflite.tensor.size");
  EXPECT_EQ(packed(TensorType::kInt2, {5}, "ab"), "");
  EXPECT_EQ(packed(TensorType::kBool, {0, INT32_MAX, INT32_MAX}, ""), "");
}

TEST(TfliteCheck, TextsBeginWhereTheirListSays) {
  const auto texts = [](const std::vector<uint32_t>& head, std::string_view body, int32_t count) {
    TfliteModel m;
    std::string bytes(AsText(std::as_bytes(std::span(head))));
    bytes += body;
    m.ConstantBytes("t", TensorType::kString, {count}, bytes);
    m.ConstantBytes("same", TensorType::kString, {count}, bytes);
    return Problem(&m);
  };
  EXPECT_EQ(texts({2, 16, 18, 19}, "abc", 2), "");
  EXPECT_EQ(texts({0, 8}, "", 0), "");
  EXPECT_EQ(texts({2, 16, 18, 19}, "abc", 3), "tflite.tensor.size");
  EXPECT_EQ(texts({2, 16, 18, 20}, "abc", 2), "tflite.tensor.size");
  EXPECT_EQ(texts({2, 16, 99, 19}, "abc", 2), "tflite.tensor.size");
  EXPECT_EQ(texts({2, 12, 18, 19}, "abc", 2), "tflite.tensor.size");
  EXPECT_EQ(texts({0xFFFFFFFF, 16}, "", 2), "tflite.tensor.size");
  EXPECT_EQ(texts({}, "ab", 1), "tflite.tensor.size");
}

TEST(TfliteCheck, OperatorsUseWhatIsThere) {
  // In the wrong order.
  EXPECT_EQ(Spoiled([](TfliteModel* m) {
              const int32_t r = m->Tensor("r", TensorType::kFloat32, {1, 4, 4, 2});
              m->Op(Op::kRelu, {0}, {r});
              m->main().operators[0].inputs = m->arena.Array(Ints{r, 1, 2});
            }),
            "tflite.order");
  for (const int32_t taken : {0, 1, 3}) {
    EXPECT_EQ(Spoiled([&](TfliteModel* m) { m->Op(Op::kRelu, {0}, {taken}); }), "tflite.order");
  }
  EXPECT_EQ(Spoiled([](TfliteModel* m) { m->main().outputs = {m->Tensor("r", TensorType::kFloat32, {1})}; }),
            "tflite.order");
  // Elements that nobody reads before an operator writes them.
  EXPECT_EQ(Spoiled([](TfliteModel* m) {
              const int32_t stale = m->Constant<float>("stale", TensorType::kFloat32, {1}, std::vector<float>{1});
              m->Op(Op::kRelu, {0}, {stale});
            }),
            "tflite.overwritten");
  // Nobody has to make what has no elements.
  EXPECT_EQ(Spoiled([](TfliteModel* m) { m->main().outputs = {m->Tensor("r", TensorType::kFloat32, {0})}; }), "");
}

TEST(TfliteCheck, QuantisationFitsTheTensor) {
  const auto with = [](const std::vector<float>& scales, const std::vector<int64_t>& zeros, int32_t dimension = 3,
                       TensorType type = TensorType::kInt8) {
    TfliteModel m;
    const int32_t x = m.Input("x", {1, 4, 4, 2}, type);
    m.Quantize(x, scales, zeros, dimension);
    return Problem(&m);
  };
  EXPECT_EQ(with({0.5F}, {-128}), "");
  EXPECT_EQ(with({0.5F, 1.F}, {0, 0}), "");
  for (const float bad : {0.F, -0.5F, NAN, INFINITY}) EXPECT_EQ(with({bad}, {0}), "tflite.quantization");
  EXPECT_EQ(with({0.5F}, {}), "tflite.quantization");
  EXPECT_EQ(with({0.5F, 1.F}, {0}), "tflite.quantization");
  EXPECT_EQ(with({0.5F, 1.F, 1.F}, {0, 0, 0}), "tflite.quantization");
  EXPECT_EQ(with({0.5F, 1.F}, {0, 0}, 4), "tflite.quantization");
  EXPECT_EQ(with({0.5F, 1.F}, {0, 0}, -1), "tflite.quantization");
  EXPECT_EQ(with({0.5F}, {128}), "tflite.quantization");
  EXPECT_EQ(with({0.5F}, {-1}, 3, TensorType::kUint8), "tflite.quantization");
  EXPECT_EQ(with({0.5F}, {int64_t{1} << 40}, 3, TensorType::kInt32), "tflite.quantization");
  EXPECT_EQ(with({0.F}, {0}, 3, TensorType::kFloat32), "");
}

TEST(TfliteCheck, AVectorIsQuantisedAlongItsOnlyDimension) {
  TfliteModel m;
  m.Quantize(m.Input("b", {2}, TensorType::kInt32), {0.5F, 1.F}, {0, 0}, 3);
  EXPECT_EQ(Problem(&m), "");
}

TEST(TfliteCheck, ScalesInTensorsAreThere) {
  const auto with = [](Quantization::Details details, int32_t scales, int32_t zeros, int32_t block, int32_t dimension) {
    TfliteModel m;
    Quantization& q = m.Quantize(m.Input("x", {4, 64}, TensorType::kInt4), {}, {});
    q.details = details;
    q.scales = scales;
    q.zero_points = zeros;
    q.block_size = block;
    q.quantized_dimensions = m.arena.Array(Ints{dimension});
    return Problem(&m);
  };
  using Details = Quantization::Details;
  EXPECT_EQ(with(Details::kBlockwise, 0, -1, 32, 0), "");
  EXPECT_EQ(with(Details::kBlockwise, 1, -1, 32, 0), "tflite.index");
  EXPECT_EQ(with(Details::kBlockwise, 0, -2, 32, 0), "tflite.index");
  EXPECT_EQ(with(Details::kBlockwise, 0, -1, 0, 0), "tflite.quantization");
  EXPECT_EQ(with(Details::kMultiAxis, 0, 0, 0, 1), "");
  EXPECT_EQ(with(Details::kMultiAxis, 0, 0, -1, 1), "tflite.quantization");
  EXPECT_EQ(with(Details::kMultiAxis, 0, 0, 0, 2), "tflite.quantization");
  EXPECT_EQ(with(static_cast<Details>(7), 0, 0, 0, 0), "tflite.union");
}

struct SparseCase {
  Ints order = {0, 1};
  Ints block_map;
  std::vector<uint8_t> segments = {0, 2, 3};
  std::vector<uint8_t> indices = {0, 3, 1};
  int32_t rows = 2;
  size_t values = 3;
  DimensionType format = DimensionType::kSparseCsr;
};

std::string SparseProblem(const SparseCase& c) {
  TfliteModel m;
  const int32_t k = m.Constant<float>("s", TensorType::kFloat32, {2, 4}, std::vector<float>(c.values, 1.F));
  SparseDimension rows, columns;
  rows.dense_size = c.rows;
  columns.format = c.format;
  columns.segments = {IndexVector::Kind::kUint8, m.arena.Bytes(std::as_bytes(std::span(c.segments)))};
  columns.indices = {IndexVector::Kind::kUint8, m.arena.Bytes(std::as_bytes(std::span(c.indices)))};
  Sparsity s;
  s.traversal_order = m.arena.Array(c.order);
  s.block_map = m.arena.Array(c.block_map);
  s.dimensions = m.arena.Array(std::vector<SparseDimension>{rows, columns});
  m.main().tensors[static_cast<size_t>(k)].sparsity = m.arena.One(s);
  return Problem(&m);
}

TEST(TfliteCheck, SparseTensorsDescribeThemselvesTruly) {
  EXPECT_EQ(SparseProblem({}), "");
  const auto bad = [](const std::function<void(SparseCase*)>& spoil) {
    SparseCase c;
    spoil(&c);
    EXPECT_EQ(SparseProblem(c), "tflite.sparsity");
  };
  bad([](SparseCase* c) { c->order = {0, 0}; });
  bad([](SparseCase* c) { c->order = {0, 2}; });
  bad([](SparseCase* c) { c->order = {0}; });
  bad([](SparseCase* c) { c->order = {0, 1, 2}; });
  bad([](SparseCase* c) { c->block_map = {0}; });
  bad([](SparseCase* c) { c->rows = 3; });
  bad([](SparseCase* c) { c->rows = -2; });
  bad([](SparseCase* c) { c->segments = {0, 2}; });
  bad([](SparseCase* c) { c->segments = {}; });
  bad([](SparseCase* c) { c->segments = {1, 2, 3}; });
  bad([](SparseCase* c) { c->segments = {0, 3, 2}; });
  bad([](SparseCase* c) { c->segments = {0, 2, 200}; });
  bad([](SparseCase* c) { c->segments = {0, 1, 2}; });
  bad([](SparseCase* c) { c->indices = {0, 4, 1}; });
  bad([](SparseCase* c) { c->indices = {3, 0, 1}; });
  bad([](SparseCase* c) { c->values = 4; });
  bad([](SparseCase* c) { c->format = static_cast<DimensionType>(2); });
}

// 4 x 4 in blocks of 2 x 2, of which the first row of blocks has one.
TEST(TfliteCheck, BlocksOfSparseTensorsDivideTheShape) {
  const auto blocks = [](int32_t width, int32_t map) {
    TfliteModel m;
    const int32_t k = m.Constant<int8_t>("s", TensorType::kInt8, {4, 4}, {1, 2, 3, 4});
    SparseDimension rows, columns, high, wide;
    rows.dense_size = high.dense_size = 2;
    wide.dense_size = width;
    columns.format = DimensionType::kSparseCsr;
    columns.segments = {IndexVector::Kind::kUint8, m.arena.Bytes(AsBytes(std::string_view("\0\1\1", 3)))};
    columns.indices = {IndexVector::Kind::kUint8, m.arena.Bytes(AsBytes(std::string_view("\1", 1)))};
    Sparsity s;
    s.traversal_order = m.arena.Array(Ints{0, 1, 2, 3});
    s.block_map = m.arena.Array(Ints{0, map});
    s.dimensions = m.arena.Array(std::vector<SparseDimension>{rows, columns, high, wide});
    m.main().tensors[static_cast<size_t>(k)].sparsity = m.arena.One(s);
    return Problem(&m);
  };
  EXPECT_EQ(blocks(2, 1), "");
  EXPECT_EQ(blocks(3, 1), "tflite.sparsity");
  EXPECT_EQ(blocks(0, 1), "tflite.sparsity");
  EXPECT_EQ(blocks(2, 2), "tflite.sparsity");
  EXPECT_EQ(blocks(2, -1), "tflite.sparsity");
}

/// `graphs` graphs, each of which runs those that `runs` names; -2 where nothing is named.
std::string Nested(const std::vector<std::vector<int64_t>>& runs) {
  TfliteModel m;
  m.graphs.resize(runs.size());
  for (size_t g = 0; g < runs.size(); ++g) {
    for (const int64_t r : runs[g]) {
      auto set = m.Set("CallOnceOptions");
      set.Int("init_subgraph_index", r);
      tflite::Operator& op = m.Op(Op::kCallOnce, {}, {}, g);
      if (r != -2) op.options = set.options();
    }
  }
  return Problem(&m);
}

TEST(TfliteCheck, GraphsDoNotRunThemselves) {
  EXPECT_EQ(Nested({{1, 2}, {2}, {}}), "");
  EXPECT_EQ(Nested({{0}}), "tflite.recursion");
  EXPECT_EQ(Nested({{1}, {2}, {1}}), "tflite.recursion");
  EXPECT_EQ(Nested({{}, {2}, {1}}), "tflite.recursion");
  EXPECT_EQ(Nested({{1}}), "tflite.index");
  EXPECT_EQ(Nested({{-1}}), "tflite.index");
  // Without options it is the main graph that runs.
  EXPECT_EQ(Nested({{-2}}), "tflite.recursion");
  EXPECT_EQ(Nested({{1}, {-2}}), "tflite.recursion");
}

TEST(TfliteCheck, GraphsWithinEachOtherHaveALimit) {
  std::vector<std::vector<int64_t>> deep(20), doubling(14);
  for (size_t g = 0; g + 1 < deep.size(); ++g) deep[g] = {static_cast<int64_t>(g) + 1};
  EXPECT_EQ(Nested(deep), "limit.exceeded");
  for (size_t g = 0; g + 1 < doubling.size(); ++g) doubling[g] = std::vector<int64_t>(4, static_cast<int64_t>(g) + 1);
  EXPECT_EQ(Nested(doubling), "limit.exceeded");
}

TEST(TfliteCheck, WhileAndIfAndCaseLeadToGraphs) {
  const auto runs = [](Op op, std::string_view table, std::string_view field, bool list) {
    TfliteModel m;
    auto set = m.Set(table);
    const std::vector<int64_t> ints = {0, 7};
    list ? set.Ints(field, ints) : set.Int(field, 7);
    m.Op(op, {}, {}).options = set.options();
    return Problem(&m);
  };
  EXPECT_EQ(runs(Op::kWhile, "WhileOptions", "body_subgraph_index", false), "tflite.index");
  EXPECT_EQ(runs(Op::kIf, "IfOptions", "else_subgraph_index", false), "tflite.index");
  EXPECT_EQ(runs(Op::kCall, "CallOptions", "subgraph", false), "tflite.index");
  EXPECT_EQ(runs(Op::kStablehloCase, "StablehloCaseOptions", "branch_subgraph_indices", true), "tflite.index");
  EXPECT_EQ(runs(Op::kStablehloComposite, "StableHLOCompositeOptions", "decomposition_subgraph_index", false),
            "tflite.index");
}

TEST(TfliteCheck, ConstantsInOtherFilesAreListedOnce) {
  const auto with = [](const std::vector<ExternalBuffer>& list, uint64_t id) {
    TfliteModel m;
    const int32_t k = m.Tensor("w", TensorType::kInt8, {5});
    m.main().tensors[static_cast<size_t>(k)].external_buffer = static_cast<uint32_t>(id);
    m.rest.external_buffer_groups = m.arena.Array(std::vector<std::string_view>{"w.bin", ""});
    m.rest.external_buffers = m.arena.Array(list);
    return Problem(&m);
  };
  EXPECT_EQ(with({{1, 0, 0, 5, {}}}, 1), "");
  EXPECT_EQ(with({{1, 0, 0, 5, {}}}, 2), "tflite.external");
  EXPECT_EQ(with({{1, 0, 0, 5, {}}, {1, 0, 5, 5, {}}}, 1), "tflite.external");
  EXPECT_EQ(with({{1, 1, 0, 5, {}}}, 1), "tflite.external");
  EXPECT_EQ(with({{1, 2, 0, 5, {}}}, 1), "tflite.external");
  EXPECT_EQ(with({{1, 0, 0, 4, {}}}, 1), "tflite.tensor.size");
  EXPECT_EQ(with({{1, 0, 0, 4, "unpacked"}}, 1), "tflite.tensor.size");
  EXPECT_EQ(with({{1, 0, 0, 4, "in some other way"}}, 1), "");
}

TEST(TfliteCheck, KindsBeyondTheSchemaAreRefused) {
  EXPECT_EQ(Spoiled([](TfliteModel* m) {
              Sparsity s;
              SparseDimension d;
              d.segments = {static_cast<IndexVector::Kind>(9), m->arena.Bytes(AsBytes("ab"))};
              s.dimensions = m->arena.Array(std::vector<SparseDimension>{d});
              m->main().tensors[0].sparsity = m->arena.One(s);
            }),
            "tflite.union");
}

TEST(TfliteCheck, ManyProblemsAreNotAllListed) {
  TfliteModel m;
  for (int k = 0; k < 500; ++k) m.Tensor("t", static_cast<TensorType>(99), {1});
  const std::string bytes = m.Bytes();
  const auto model = ParseModel(AsBytes(bytes), {});
  ASSERT_TRUE(model.ok());
  DiagSink sink;
  CheckModel(*model, {}, &sink);
  EXPECT_EQ(sink.error_count(), 100U);
}

TEST(TfliteCheck, TensorsAndOperatorsHaveLimits) {
  Limits few;
  few.tensors = 3;
  TfliteModel m;
  AddConvolution(&m);
  const std::string bytes = m.Bytes();
  EXPECT_EQ(IdOf(ParseModel(AsBytes(bytes), few)), "limit.exceeded");
  few = {};
  few.nodes = 0;
  EXPECT_EQ(IdOf(ParseModel(AsBytes(bytes), few)), "limit.exceeded");
}

}  // namespace
}  // namespace godwit::tflite
