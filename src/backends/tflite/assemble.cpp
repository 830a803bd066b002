// From written subgraphs to the views of a file: what nobody uses is left out, the rest is numbered and named.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <unordered_set>

#include "backends/tflite/model_export.h"
#include "backends/tflite/values.h"
#include "base/base64.h"
#include "base/text.h"
#include "ir/made_names.h"

namespace godwit::to_tflite {

namespace {

constexpr std::string_view kSignature = "serving_default";
constexpr size_t kRuntimeBytes = 16;  // of the metadata that names the oldest runtime
constexpr std::string_view kOfOneFile[] = {"min_runtime_version",     "buffer_location",
                                           "debug_metadata",          "model_control_dependencies",
                                           "OfflineMemoryAllocation", "COMPRESSION_METADATA"};

// Reshapes and transposes come and go with the orders that are chosen: what the source called such a result is not kept
// unless callers name it.
bool OnlyMoves(std::string_view op) {
  static constexpr std::string_view kMoves[] = {"EXPAND_DIMS", "RESHAPE", "SQUEEZE", "TRANSPOSE"};
  return std::find(std::begin(kMoves), std::end(kMoves), op) != std::end(kMoves);
}

class Assembler {
 public:
  Assembler(const Graph& source, DiagSink* sink) : source_(source), sink_(sink), buffers_(1) {}

  Exported Run(const std::vector<WrittenModel>& models) {
    std::vector<tflite::SubGraph> subgraphs;
    std::vector<tflite::SignatureDef> signatures;
    for (const WrittenModel& model : models) {
      first_ = subgraphs.size();
      const std::vector<std::string> inside;
      for (size_t k = 0; k < model.graphs.size(); ++k) {
        subgraphs.push_back(SubGraph(model.graphs[k], k == 0 ? model.outputs : inside));
      }
      signatures.push_back(Signature(subgraphs[first_], model));
    }
    tflite::Model& model = out_.model;
    model.description = arena_.Text(source_.doc);
    model.subgraphs = arena_.Array(subgraphs);
    model.operator_codes = arena_.Array(codes_);
    model.signature_defs = arena_.Array(signatures);
    model.metadata = arena_.Array(MetadataKept());
    model.buffers = arena_.Array(buffers_);
    KeepFiles(&model);
    model.arena = arena_.resource();
    return std::move(out_);
  }

 private:
  // Numbers of the tensors that something uses: inputs, then in the order of first use.
  std::vector<int32_t> Number(const WrittenGraph& graph, std::vector<int32_t>* order) {
    std::vector<int32_t> numbers(graph.tensors.size(), -1);
    const auto use = [&](Ref ref) {
      if (!ref.valid() || numbers[static_cast<size_t>(ref.index)] >= 0) return;
      numbers[static_cast<size_t>(ref.index)] = static_cast<int32_t>(order->size());
      order->push_back(ref.index);
    };
    for (const Ref ref : graph.in) use(ref);
    for (size_t g = graph.groups.size(); g-- > 0;) {
      for (const WrittenOperator& op : graph.groups[g]) {
        for (const Ref ref : op.in) use(ref);
        for (const Ref ref : op.out) use(ref);
        for (const Ref ref : op.intermediates) use(ref);
      }
    }
    for (const Ref ref : graph.out) use(ref);
    return numbers;
  }

  void Problem(const WrittenTensor& tensor, const DiagDef& limit, std::string what) {
    sink_->Add(Diag(limit, std::move(what)).Tensor(tensor.name));
  }

  uint32_t AddBuffer(tflite::Buffer buffer) {
    buffers_.push_back(buffer);
    return static_cast<uint32_t>(buffers_.size() - 1);
  }

  // What has no name, or one that another tensor has, is called after the operator that makes it.
  std::string NameOf(const WrittenTensor& tensor, std::string_view maker, std::unordered_set<std::string>* names) {
    if (!tensor.name.empty() && names->insert(tensor.name).second) return tensor.name;
    const std::string_view hint = tensor.constant ? "const" : maker.empty() ? "tensor" : maker;
    std::string name;
    do {
      name = MadeName(hint, ++counters_[std::string(hint)]);
    } while (!names->insert(name).second);
    return name;
  }

  tflite::Tensor Tensor(const WrittenTensor& from, std::string_view maker, std::unordered_set<std::string>* names) {
    tflite::Tensor out;
    const auto type = ToTensorType(from.type.dtype);
    if (from.resource) {
      out.type = tflite::TensorType::kResource;
    } else if (!type) {
      Problem(from, diag::kTargetDtype, fmt::format("TFLite has no tensors of {}", Name(from.type.dtype)));
    } else {
      out.type = *type;
    }
    out.has_rank = from.type.ranked;
    std::vector<int32_t> shape, signature;
    bool dynamic = false;
    for (const Dim& d : from.type.shape) {
      if (d.is_static() && d.value() > std::numeric_limits<int32_t>::max()) {
        Problem(from, diag::kTargetAttribute, fmt::format("a dim of {} does not fit into 32 bits", d.value()));
      }
      dynamic = dynamic || !d.is_static();
      shape.push_back(d.is_static() ? static_cast<int32_t>(d.value()) : 1);
      signature.push_back(d.is_static() ? static_cast<int32_t>(d.value()) : -1);
    }
    out.shape = arena_.Array(shape);
    if (dynamic) out.shape_signature = arena_.Array(signature);
    out.name = arena_.Text(NameOf(from, maker, names));
    out.quantization = ToQuantization(from.type.quant.get(), &arena_);
    out.is_variable = from.variable;
    if (from.constant) {
      auto buffer = ToBuffer(*from.constant, &out_.keep);
      if (!buffer.ok()) {
        sink_->Add(buffer.diag());
      } else {
        buffer->contents = from.contents;
        out.buffer = AddBuffer(*buffer);
      }
    }
    return out;
  }

  uint32_t Code(const WrittenOperator& op) {
    const auto [it, fresh] = code_of_.try_emplace({std::string(op.op), op.version}, codes_.size());
    if (fresh) {
      tflite::OperatorCode code;
      code.version = op.version;
      if (op.custom || !tflite::FindOperator(op.op, &code.code)) {
        code.code = tflite::BuiltinOperator::kCustom;
        code.custom_code = arena_.Text(op.op);
      }
      codes_.push_back(code);
    }
    return static_cast<uint32_t>(it->second);
  }

  tflite::SubGraph SubGraph(const WrittenGraph& from, const std::vector<std::string>& outputs) {
    std::vector<int32_t> order;
    const std::vector<int32_t> numbers = Number(from, &order);
    const auto indices = [&](const Refs& refs) {
      std::vector<int32_t> list;
      for (const Ref ref : refs) list.push_back(ref.valid() ? numbers[static_cast<size_t>(ref.index)] : -1);
      return arena_.Array(list);
    };
    tflite::SubGraph out;
    out.name = arena_.Text(from.name);
    // Inputs are what callers name: they have their names before all else, then outputs.
    std::unordered_set<std::string> names;
    std::vector<std::string_view> makers(from.tensors.size());
    for (const WrittenGroup& group : from.groups) {
      for (const WrittenOperator& op : group) {
        for (const Ref ref : op.out) {
          if (ref.valid()) makers[static_cast<size_t>(ref.index)] = op.op;
        }
      }
    }
    std::vector<tflite::Tensor> tensors(order.size());
    const auto make = [&](int32_t index, const std::string& name) {
      tflite::Tensor& slot = tensors[static_cast<size_t>(numbers[static_cast<size_t>(index)])];
      if (!slot.name.empty()) return;
      WrittenTensor tensor = from.tensors[static_cast<size_t>(index)];
      if (OnlyMoves(makers[static_cast<size_t>(index)])) tensor.name.clear();
      if (!name.empty()) tensor.name = name;
      slot = Tensor(tensor, makers[static_cast<size_t>(index)], &names);
    };
    for (const Ref ref : from.in) make(ref.index, {});
    for (size_t i = 0; i < from.out.size(); ++i) {
      make(from.out[i].index, i < outputs.size() ? outputs[i] : std::string());
    }
    for (const int32_t index : order) make(index, {});
    out.inputs = indices(from.in);
    out.outputs = indices(from.out);
    std::vector<bool> made(from.tensors.size());
    for (const Ref ref : from.in) made[static_cast<size_t>(ref.index)] = true;
    std::vector<tflite::Operator> operators;
    for (size_t g = from.groups.size(); g-- > 0;) {
      for (const WrittenOperator& op : from.groups[g]) {
        for (const Ref ref : op.in) {
          if (!ref.valid()) continue;
          const WrittenTensor& t = from.tensors[static_cast<size_t>(ref.index)];
          if (made[static_cast<size_t>(ref.index)] || t.constant || t.variable) continue;
          Problem(t, diag::kTargetOperator, fmt::format("{} uses a value that its subgraph does not have", op.op));
        }
        for (const Ref ref : op.out) made[static_cast<size_t>(ref.index)] = true;
        tflite::Operator o;
        o.opcode_index = Code(op);
        o.inputs = indices(op.in);
        o.outputs = indices(op.out);
        o.intermediates = indices(op.intermediates);
        WrittenOperator placed = op;
        placed.options.MoveSubgraphs(static_cast<int64_t>(first_));
        o.options = ToOptions(placed, &arena_);
        o.custom_options = arena_.Bytes(AsBytes(op.custom_options));
        operators.push_back(o);
        out_.runtime = std::max(out_.runtime, op.since);
        ++out_.operators;
      }
    }
    out.tensors = arena_.Array(tensors);
    out.operators = arena_.Array(operators);
    return out;
  }

  // Callers name inputs and outputs as the source did.
  tflite::SignatureDef Signature(const tflite::SubGraph& main, const WrittenModel& model) {
    tflite::SignatureDef out;
    const auto key = model.source->metadata.find("tflite.signature");
    out.key = key == model.source->metadata.end() ? kSignature : arena_.Text(key->second);
    out.subgraph_index = static_cast<uint32_t>(first_);
    std::vector<tflite::TensorMap> inputs, outputs;
    for (const int32_t i : main.inputs) inputs.push_back({main.tensors[static_cast<size_t>(i)].name, uint32_t(i)});
    for (size_t k = 0; k < main.outputs.size(); ++k) {
      const auto index = static_cast<size_t>(main.outputs[k]);
      outputs.push_back(
          {k < model.outputs.size() ? arena_.Text(model.outputs[k]) : main.tensors[index].name, uint32_t(index)});
    }
    out.inputs = arena_.Array(inputs);
    out.outputs = arena_.Array(outputs);
    return out;
  }

  tflite::Metadata Runtime() {
    std::string text = targets::TfliteRuntimeName(std::max(out_.runtime, 105));
    text.resize(kRuntimeBytes);
    tflite::Buffer buffer;
    buffer.bytes = arena_.Bytes(AsBytes(text));
    return {"min_runtime_version", AddBuffer(buffer)};
  }

  // Bytes that metadata of the graph holds: texts as they are, others in digits.
  std::optional<ByteSpan> BytesOf(std::string_view text) {
    constexpr std::string_view kDigits = "base64:";
    if (!text.starts_with(kDigits)) return arena_.Bytes(AsBytes(text));
    const auto bytes = FromBase64(text.substr(kDigits.size()));
    return bytes ? std::optional(arena_.Bytes(AsBytes(*bytes))) : std::nullopt;
  }

  // The oldest runtime, and what the source says about itself.
  std::vector<tflite::Metadata> MetadataKept() {
    constexpr std::string_view kPrefix = "tflite.metadata.";
    std::vector<tflite::Metadata> out = {Runtime()};
    for (const auto& [key, text] : source_.metadata) {
      if (!key.starts_with(kPrefix)) continue;
      const std::string_view name = std::string_view(key).substr(kPrefix.size());
      // What speaks of tensors and operators by their numbers, or of this file's own form, is not of another file.
      const auto is = [&](std::string_view other) { return name == other; };
      if (std::any_of(std::begin(kOfOneFile), std::end(kOfOneFile), is)) continue;
      const auto bytes = BytesOf(text);
      if (!bytes) continue;
      tflite::Buffer buffer;
      buffer.bytes = *bytes;
      out.push_back({arena_.Text(std::string(name)), AddBuffer(buffer)});
    }
    return out;
  }

  // The archive behind the tables, labels and the like.
  void KeepFiles(tflite::Model* model) {
    const auto it = source_.metadata.find("tflite.files");
    if (it == source_.metadata.end()) return;
    if (const auto bytes = BytesOf(it->second)) model->appended = *bytes;
  }

  const Graph& source_;
  size_t first_ = 0;  // subgraph of the entry that is being put together
  DiagSink* sink_;
  Exported out_;
  tflite::ModelArena arena_;
  std::vector<tflite::Buffer> buffers_;  // the first is empty
  std::vector<tflite::OperatorCode> codes_;
  std::map<std::pair<std::string, int>, size_t> code_of_;
  std::map<std::string, int> counters_;
};

}  // namespace

Exported Assemble(const std::vector<WrittenModel>& models, DiagSink* sink) {
  return Assembler(*models[0].source, sink).Run(models);
}

}  // namespace godwit::to_tflite
