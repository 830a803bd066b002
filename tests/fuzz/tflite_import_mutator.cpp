// Mutations that keep a TFLite model readable: it is read, some of its parts are changed, doubled, swapped or erased,
// and it is written again. Most mutations of bytes alone break an offset and reach no further than the wire layer.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "formats/tflite/arena.h"
#include "formats/tflite/parse.h"
#include "formats/tflite/write.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace {

using namespace godwit;
using namespace godwit::tflite;

class Mutation {
 public:
  Mutation(Model model, unsigned seed) : model_(std::move(model)), random_(seed) {}

  Model Apply() {
    graphs_.assign(model_.subgraphs.begin(), model_.subgraphs.end());
    codes_.assign(model_.operator_codes.begin(), model_.operator_codes.end());
    buffers_.assign(model_.buffers.begin(), model_.buffers.end());
    for (size_t n = 1 + Below(3); n != 0; --n) Step(&graphs_[Below(graphs_.size())]);
    model_.subgraphs = arena_.Array(graphs_);
    model_.operator_codes = arena_.Array(codes_);
    model_.buffers = arena_.Array(buffers_);
    return model_;
  }
  // What the changed parts lie in.
  ModelArena arena_;

 private:
  size_t Below(size_t n) { return n == 0 ? 0 : random_() % n; }
  int32_t Number() {
    constexpr int32_t kNumbers[] = {0, 1, 2, 3, 4, 5, 7, 8, 16, 64, 1000, -1, -2, 127, 128, 255, INT32_MAX, INT32_MIN};
    return kNumbers[Below(std::size(kNumbers))];
  }
  template <class T>
  std::vector<T> Copy(std::span<const T> items) {
    return {items.begin(), items.end()};
  }
  // One number of a list changed, added or taken away.
  std::span<const int32_t> Changed(std::span<const int32_t> list, const auto& number) {
    std::vector<int32_t> out = Copy(list);
    switch (Below(out.empty() ? 1 : 4)) {
      case 0: out.insert(out.begin() + static_cast<ptrdiff_t>(Below(out.size() + 1)), number()); break;
      case 1: out.erase(out.begin() + static_cast<ptrdiff_t>(Below(out.size()))); break;
      case 2: std::swap(out[Below(out.size())], out[Below(out.size())]); break;
      default: out[Below(out.size())] = number();
    }
    return arena_.Array(out);
  }

  void Step(SubGraph* g) {
    std::vector<Tensor> tensors = Copy(g->tensors);
    std::vector<Operator> operators = Copy(g->operators);
    const auto tensor = [&] { return Below(16) == 0 ? Number() : static_cast<int32_t>(Below(g->tensors.size())); };
    switch (Below(12)) {
      case 0: g->inputs = Changed(g->inputs, tensor); break;
      case 1: g->outputs = Changed(g->outputs, tensor); break;
      case 2:
        if (!operators.empty()) std::swap(operators[Below(operators.size())], operators[Below(operators.size())]);
        break;
      case 3:
        if (!operators.empty()) operators.erase(operators.begin() + static_cast<ptrdiff_t>(Below(operators.size())));
        break;
      case 4:
        // The same once more, with a result of its own.
        if (!operators.empty()) {
          Operator twin = operators[Below(operators.size())];
          std::vector<int32_t> made;
          for (const int32_t k : twin.outputs) {
            made.push_back(static_cast<int32_t>(tensors.size()));
            if (k >= 0 && static_cast<size_t>(k) < g->tensors.size())
              tensors.push_back(Tensor(tensors[static_cast<size_t>(k)]));
          }
          twin.outputs = arena_.Array(made);
          operators.push_back(twin);
        }
        break;
      case 5:
      case 6:
      case 7:
        if (!tensors.empty()) ChangeTensor(&tensors[Below(tensors.size())], static_cast<int32_t>(tensors.size()));
        break;
      default:
        if (!operators.empty()) ChangeOperator(&operators[Below(operators.size())], tensor);
    }
    g->tensors = arena_.Array(tensors);
    g->operators = arena_.Array(operators);
  }

  void ChangeTensor(Tensor* t, int32_t tensors) {
    const auto number = [&] { return Number(); };
    switch (Below(9)) {
      case 0: t->shape = Changed(t->shape, number); break;
      case 1: t->shape_signature = Changed(t->shape, [] { return -1; }); break;
      case 2: t->type = static_cast<TensorType>(Below(24)); break;
      case 3: t->buffer = static_cast<uint32_t>(Below(buffers_.size())); break;
      case 4: t->has_rank = !t->has_rank; break;
      case 5: t->is_variable = !t->is_variable; break;
      case 6: ChangeQuantization(t, tensors); break;
      case 7: {
        // Bytes of the size that is wanted, filled anew.
        uint64_t size = BitsOf(t->type);
        for (const int32_t d : t->shape)
          size = d < 0 ? 0 : std::min<uint64_t>(size * static_cast<uint64_t>(d), 1 << 17);
        std::vector<std::byte> bytes((size + 7) / 8);
        for (std::byte& b : bytes) b = static_cast<std::byte>(Below(4) == 0 ? random_() : 0);
        t->buffer = static_cast<uint32_t>(buffers_.size());
        buffers_.push_back({arena_.Array(bytes), nullptr});
        break;
      }
      default:
        if (t->buffer != 0 && t->buffer < buffers_.size()) {
          std::vector<std::byte> bytes = Copy(buffers_[t->buffer].bytes);
          if (!bytes.empty()) {
            LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size(), bytes.size());
            buffers_[t->buffer].bytes = arena_.Array(bytes);
          }
        }
    }
  }

  void ChangeQuantization(Tensor* t, int32_t tensors) {
    Quantization q = t->quantization != nullptr ? *t->quantization : Quantization();
    const size_t axis = Below(t->shape.size());
    const bool along = !t->shape.empty() && Below(2) == 0 && t->shape[axis] > 0 && t->shape[axis] < 1000;
    const size_t scales = along ? static_cast<size_t>(t->shape[axis]) : 1;
    q.scale = arena_.Array(std::vector<float>(scales, Below(8) == 0 ? 0.F : 0.25F));
    q.zero_point = arena_.Array(std::vector<int64_t>(scales, Below(4) == 0 ? Number() : 0));
    q.quantized_dimension = static_cast<int32_t>(axis);
    q.details = static_cast<Quantization::Details>(Below(8) == 0 ? Below(4) : 0);
    q.scales = static_cast<int32_t>(Below(static_cast<size_t>(tensors)));
    q.zero_points = -1;
    q.block_size = Number();
    t->quantization = Below(8) == 0 ? nullptr : arena_.One(q);
  }

  void ChangeOperator(Operator* op, const auto& tensor) {
    switch (Below(5)) {
      case 0: op->inputs = Changed(op->inputs, tensor); break;
      case 1: op->outputs = Changed(op->outputs, tensor); break;
      case 2: {
        OperatorCode code;
        code.code = static_cast<BuiltinOperator>(Below(211));
        code.version = 1 + static_cast<int32_t>(Below(6));
        op->opcode_index = static_cast<uint32_t>(codes_.size());
        codes_.push_back(code);
        const TableDef* table = OptionsOf(code.code);
        op->options = table == nullptr ? Options() : Options(table, Values(*table));
        break;
      }
      default:
        if (op->options.stored() && !op->options.values().empty()) {
          const TableDef* table = op->options.table();
          std::vector<OptionValue> values = Copy(op->options.values());
          const size_t k = Below(values.size());
          values[k] = Fresh(table->fields[k]);
          const std::span<OptionValue> kept = arena_.Fresh<OptionValue>(values.size());
          std::copy(values.begin(), values.end(), kept.begin());
          op->options = Options(table, kept);
        } else if (const TableDef* table = op->options.table()) {
          op->options = Options(table, Values(*table));
        }
    }
  }

  // Options of a table as most operators have them: steps of one, no activation.
  std::span<OptionValue> Values(const TableDef& table) {
    const std::span<OptionValue> values = arena_.Fresh<OptionValue>(table.fields.size());
    for (size_t k = 0; k < values.size(); ++k) {
      if (ScalarBytes(table.fields[k].type) == 4 && table.fields[k].of.empty()) {
        values[k].set = true;
        values[k].i = table.fields[k].type == FieldType::kFloat32 ? 0x3F800000 : 1;
      }
    }
    return values;
  }

  OptionValue Fresh(const FieldDef& field) {
    OptionValue value;
    value.set = Below(4) != 0;
    if (field.type == FieldType::kFloat32) {
      value.f = static_cast<float>(Number()) / 4;
    } else if (ScalarBytes(field.type) != 0) {
      value.i = field.of.empty() ? Number() : static_cast<int64_t>(Below(8));
    } else {
      std::vector<std::byte> bytes(8 * Below(6));
      for (std::byte& b : bytes) b = static_cast<std::byte>(Below(3));
      value.data = arena_.Array(bytes).data();
      value.count = static_cast<uint32_t>(bytes.size() / std::max(1U, ScalarBytes(field.element)));
    }
    return value;
  }

  Model model_;
  std::minstd_rand random_;
  std::vector<SubGraph> graphs_;
  std::vector<OperatorCode> codes_;
  std::vector<Buffer> buffers_;
};

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  Limits limits;
  limits.view_bytes = 1 << 20;
  const auto model = ParseModel({reinterpret_cast<const std::byte*>(data), size}, limits);
  if (!model.ok() || seed % 8 == 0) return LLVMFuzzerMutate(data, size, max_size);
  Mutation mutation(*model, seed);
  const auto written = SerializeModel(mutation.Apply());
  if (!written.ok() || written->size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::memcpy(data, written->data(), written->size());
  return written->size();
}
