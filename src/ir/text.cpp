#include "ir/text.h"

#include <cmath>
#include <unordered_map>

#include "base/text.h"
#include "ir/convert.h"
#include "ir/scan.h"
#include "ir/text_data.h"
#include "ir/walk.h"

namespace godwit {

namespace {

// Shortest text that reads back the same, always distinguishable from an integer.
std::string FloatText(double value) {
  std::string text = ShortestDouble(value);
  return text.find_first_not_of("-0123456789") == std::string::npos ? text + ".0" : text;
}

template <class T, class Format>
std::string ListText(std::string_view kind, const std::vector<T>& values, Format format) {
  if (values.empty()) return Concat(kind, "[]");
  std::string out = "[";
  for (const T& v : values) {
    if (out.size() > 1) out += ',';
    out += format(v);
  }
  return out += ']';
}

std::string AttrTextWith(const AttrValue& value, const TextOptions& options) {
  switch (KindOf(value)) {
    case AttrKind::kInt: return std::to_string(std::get<int64_t>(value));
    case AttrKind::kFloat: return FloatText(std::get<double>(value));
    case AttrKind::kString: return QuoteText(std::get<std::string>(value));
    case AttrKind::kIntList:
      return ListText("ints", std::get<std::vector<int64_t>>(value), [](int64_t v) { return std::to_string(v); });
    case AttrKind::kFloatList: return ListText("floats", std::get<std::vector<double>>(value), FloatText);
    case AttrKind::kStringList: return ListText("strings", std::get<std::vector<std::string>>(value), QuoteText);
    case AttrKind::kDType: return std::string(Name(std::get<DType>(value)));
    case AttrKind::kTensor: {
      const auto& tensor = std::get<Tensor>(value);
      return Concat("tensor ", Type(tensor.type()).ToString(), " ", TensorDataText(tensor, options));
    }
    case AttrKind::kType: return Concat("type ", std::get<Type>(value).ToString());
  }
  return {};
}

class Printer {
 public:
  Printer(const Graph& graph, const TextOptions& options)
      : g_(graph), options_(options), names_(graph.value_count()), defined_(graph.value_count()) {}

  Result<std::string> Print() {
    CountNames();
    out_ += "graph";
    if (!g_.name.empty()) out_ += " " + NameText(g_.name);
    out_ += " {\n";
    if (!g_.producer.empty()) Line("producer " + QuoteText(g_.producer));
    if (!g_.format.empty()) Line("format " + QuoteText(g_.format));
    for (const auto& [domain, version] : g_.opsets) {
      Line(Concat("opset ", QuoteText(domain), " ", std::to_string(version)));
    }
    for (const auto& [key, value] : g_.metadata) Line(Concat("meta ", QuoteText(key), " ", QuoteText(value)));
    RETURN_IF_ERROR(Constants());
    Indent(1);
    out_ += "main ";
    Regions();
    out_ += "}\n";
    return std::move(out_);
  }

 private:
  void Indent(size_t depth) { out_.append(2 * depth, ' '); }
  void Line(std::string_view text) {
    Indent(1);
    out_ += text;
    out_ += '\n';
  }

  // Only a name that no other printed value carries can stand for its value.
  void CountNames() {
    auto count = [&](ValueId id) {
      if (id && !defined_[id.index]) {
        defined_[id.index] = true;
        const std::string& name = g_.value(id).name;
        if (!name.empty()) ++name_counts_[name];
      }
    };
    for (RegionId id : RegionsWithin(g_)) {
      for (ValueId v : g_.region(id).params) count(v);
      for (NodeId n : g_.region(id).nodes) {
        for (ValueId v : g_.node(n).out) count(v);
      }
    }
    ForEachUse(g_, [&](const Use& use) {
      if (g_.IsConstant(use.value) && !defined_[use.value.index]) constants_.push_back(use.value);
      count(use.value);
    });
  }

  std::string& NameOf(ValueId id) {
    std::string& name = names_[id.index];
    if (name.empty()) {
      const std::string& given = g_.value(id).name;
      const bool unique = !given.empty() && name_counts_[given] == 1;
      name = "%" + (unique ? NameText(given) : std::to_string(next_number_++));
    }
    return name;
  }
  std::string Ref(ValueId id) { return id ? NameOf(id) : "_"; }

  void Define(ValueId id) {
    if (!id) {
      out_ += '_';
      return;
    }
    const Value& value = g_.value(id);
    out_ += NameOf(id);
    if (!value.name.empty() && name_counts_[value.name] > 1) out_ += QuoteText(value.name);
    out_ += ": " + value.type.ToString();
  }

  Status Constants() {
    for (ValueId id : constants_) {
      const Constant& constant = g_.constant(g_.value(id).constant);
      Indent(1);
      out_ += "const ";
      Define(id);
      out_ += " = ";
      const auto* tensor = std::get_if<Tensor>(&constant.data);
      const bool small = constant.type.is_static() && ElementCount(constant.type.shape).known().value_or(-1) >= 0 &&
                         *ElementCount(constant.type.shape).known() <= options_.inline_elements;
      if (tensor != nullptr) {
        out_ += TensorDataText(*tensor, options_);
      } else if (options_.data == TextOptions::Data::kElide && !small) {
        out_ += ElidedText(constant.stored_bytes());
      } else if (Result<Tensor> loaded = constant.Load(); loaded.ok()) {
        out_ += TensorDataText(*loaded, options_);
      } else if (options_.data == TextOptions::Data::kElide) {
        out_ += ElidedText(constant.stored_bytes());
      } else {
        return loaded.TakeDiag();
      }
      out_ += '\n';
    }
    return Ok{};
  }

  void OpenRegion(RegionId id) {
    out_ += '(';
    const Region& region = g_.region(id);
    for (size_t i = 0; i < region.params.size(); ++i) {
      if (i != 0) out_ += ", ";
      Define(region.params[i]);
    }
    out_ += ") {\n";
  }

  void CloseRegion(RegionId id, size_t depth) {
    Indent(depth + 1);
    out_ += "yield(";
    const Region& region = g_.region(id);
    for (size_t i = 0; i < region.results.size(); ++i) {
      if (i != 0) out_ += ", ";
      out_ += Ref(region.results[i]);
      if (id == Graph::main() && i < g_.output_names.size()) out_ += " as " + NameText(g_.output_names[i]);
    }
    out_ += ")\n";
    Indent(depth);
    out_ += "}\n";
  }

  void NodeLine(const Node& node, size_t depth) {
    Indent(depth);
    for (size_t i = 0; i < node.out.size(); ++i) {
      if (i != 0) out_ += ", ";
      Define(node.out[i]);
    }
    if (!node.out.empty()) out_ += " = ";
    out_ += node.op == nullptr ? "?" : NameText(node.op->name);
    out_ += '(';
    bool first = true;
    for (ValueId v : node.in) {
      if (!first) out_ += ", ";
      first = false;
      out_ += Ref(v);
    }
    for (const auto& [name, value] : node.attrs) {
      if (!first) out_ += ", ";
      first = false;
      out_ += Concat(name == "_" ? QuoteText(name) : NameText(name), "=", AttrTextWith(value, options_));
    }
    out_ += ')';
    if (options_.origins && node.origin) {
      const Origin& origin = g_.origin(node.origin);
      out_ += " from " + NameText(origin.node);
      if (!origin.op_type.empty()) out_ += " op " + NameText(origin.op_type);
      if (!origin.scope.empty()) out_ += " scope " + NameText(origin.scope);
    }
  }

  // Nested regions are printed from an explicit stack.
  void Regions() {
    struct Frame {
      RegionId region;
      size_t node = 0;         // being printed
      size_t next_region = 0;  // of that node
    };
    std::vector<Frame> stack = {{Graph::main()}};
    OpenRegion(Graph::main());
    while (!stack.empty()) {
      Frame& top = stack.back();
      const Region& region = g_.region(top.region);
      if (top.node == region.nodes.size()) {
        CloseRegion(top.region, stack.size());
        stack.pop_back();
        continue;
      }
      const Node& node = g_.node(region.nodes[top.node]);
      if (top.next_region == 0) {
        NodeLine(node, stack.size() + 1);
        if (node.regions.empty()) out_ += '\n';
      }
      if (top.next_region == node.regions.size()) {
        ++top.node;
        top.next_region = 0;
        continue;
      }
      if (top.next_region != 0) Indent(stack.size() + 1);
      out_ += top.next_region == 0 ? " region " : "region ";
      const RegionId inner = node.regions[top.next_region++];
      OpenRegion(inner);
      stack.push_back({inner});
    }
  }

  const Graph& g_;
  const TextOptions& options_;
  std::string out_;
  std::vector<std::string> names_;
  std::vector<bool> defined_;
  std::vector<ValueId> constants_;
  std::unordered_map<std::string_view, uint32_t> name_counts_;
  uint64_t next_number_ = 0;
};

}  // namespace

std::string AttrText(const AttrValue& value) { return AttrTextWith(value, {}); }

Result<std::string> PrintGraph(const Graph& graph, const TextOptions& options) {
  return Printer(graph, options).Print();
}

}  // namespace godwit
