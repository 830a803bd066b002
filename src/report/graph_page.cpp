#include "report/graph_page.h"

#include <fmt/format.h>

#include <map>

#include "base/text.h"
#include "ir/text.h"

namespace godwit {

namespace {

constexpr char kPage[] =
#include "report/graph_page.inc"
    ;

struct Box {
  std::string name, op, type;
  std::vector<std::string> scope, core, inputs, outputs;
  std::vector<std::pair<std::string, std::string>> attrs;
  bool is_port = false;
};

class PageData {
 public:
  explicit PageData(const Graph& graph) : graph_(graph), producer_(graph.value_count(), -1) {}

  std::string Json(std::string_view title) {
    const Region& main = graph_.region(Graph::main());
    for (ValueId v : main.params) {
      Box box;
      box.is_port = true;
      box.name = graph_.value(v).name;
      box.op = box.name;
      box.type = graph_.value(v).type.ToString();
      producer_[v.index] = Add(std::move(box));
    }
    for (uint32_t i = 0; i < graph_.region_count(); ++i) {
      for (NodeId id : graph_.region(RegionId{i}).nodes) AddNode(id);
    }
    for (size_t i = 0; i < main.results.size(); ++i) {
      Box box;
      box.is_port = true;
      box.name = graph_.output_names[i];
      box.op = box.name;
      box.type = graph_.value(main.results[i]).type.ToString();
      Connect(main.results[i], Add(std::move(box)));
    }
    std::string facts = fmt::format("{}, {} nodes", graph_.format, graph_.origin_count());
    return Concat("{\"title\":", JsonQuote(title), ",\"facts\":", JsonQuote(facts), ",\"nodes\":[", Boxes(),
                  "],\"edges\":[", edges_, "]}");
  }

 private:
  int64_t Add(Box box) {
    boxes_.push_back(std::move(box));
    return static_cast<int64_t>(boxes_.size()) - 1;
  }

  // Core operators of one source node share its box.
  void AddNode(NodeId id) {
    const Node& node = graph_.node(id);
    int64_t at = -1;
    if (node.origin) {
      auto [it, inserted] = box_of_origin_.try_emplace(node.origin.index, -1);
      if (inserted) it->second = Add(FromOrigin(graph_.origin(node.origin)));
      at = it->second;
    } else {
      Box box;
      box.op = node.op->name;
      at = Add(std::move(box));
    }
    for (ValueId v : node.in) {
      if (!v) continue;
      const Value& value = graph_.value(v);
      if (value.constant) {
        if (!value.name.empty()) {
          boxes_[static_cast<size_t>(at)].inputs.push_back(
              Concat(Printable(value.name, 200), "  ", value.type.ToString()));
        }
        continue;
      }
      if (producer_[v.index] != at) {
        boxes_[static_cast<size_t>(at)].inputs.push_back(
            Concat(Printable(value.name, 200), "  ", value.type.ToString()));
      }
      Connect(v, at);
    }
    Box& box = boxes_[static_cast<size_t>(at)];
    box.core.emplace_back(node.op->name);
    for (const auto& [name, value] : node.attrs) box.attrs.emplace_back(name, Printable(AttrText(value), 200));
    for (ValueId v : node.out) {
      if (!v) continue;
      producer_[v.index] = at;
      box.type = graph_.value(v).type.ToString();
      box.outputs.push_back(Concat(Printable(graph_.value(v).name, 200), "  ", box.type));
    }
  }

  // "/layer1/layer1.0/conv1/Conv" lies in the blocks layer1, layer1.0 and conv1.
  static Box FromOrigin(const Origin& origin) {
    Box box;
    box.name = origin.node;
    box.op = origin.op_type;
    for (std::string_view part : Split(origin.scope, '/')) {
      if (!part.empty()) box.scope.emplace_back(part);
    }
    const auto parts = Split(origin.node, '/');
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      if (!parts[i].empty()) box.scope.emplace_back(parts[i]);
    }
    return box;
  }

  void Connect(ValueId v, int64_t to) {
    const int64_t from = producer_[v.index];
    if (from < 0 || from == to) return;
    edges_ += fmt::format("{}[{},{},{}]", edges_.empty() ? "" : ",", from, to, Quoted(graph_.value(v).type.ToString()));
  }

  // "</script>" must not occur inside the page's data.
  static std::string Quoted(std::string_view text) {
    std::string json = JsonQuote(text), out;
    for (char c : json) {
      if (c == '<')
        out += "\\u003c";
      else
        out += c;
    }
    return out;
  }

  static std::string List(const std::vector<std::string>& items) {
    std::string out = "[";
    for (const std::string& s : items) out += Concat(out.size() > 1 ? "," : "", Quoted(s));
    return out + "]";
  }

  std::string Boxes() const {
    std::string out;
    for (size_t i = 0; i < boxes_.size(); ++i) {
      const Box& b = boxes_[i];
      std::string attrs = "[";
      for (const auto& [name, value] : b.attrs) {
        attrs += Concat(attrs.size() > 1 ? ",[" : "[", Quoted(name), ",", Quoted(value), "]");
      }
      out += fmt::format(
          "{}{{\"i\":{},\"name\":{},\"op\":{},\"type\":{},\"io\":{},\"scope\":{},\"core\":{},\"inputs\":{},\"outputs\":"
          "{},"
          "\"attrs\":{}]}}",
          i ? "," : "", i, Quoted(b.name), Quoted(b.op), Quoted(b.type), b.is_port, List(b.scope), List(b.core),
          List(b.inputs), List(b.outputs), attrs);
    }
    return out;
  }

  const Graph& graph_;
  std::vector<Box> boxes_;
  std::vector<int64_t> producer_;
  std::map<uint32_t, int64_t> box_of_origin_;
  std::string edges_;
};

}  // namespace

std::string GraphPage(const Graph& graph, std::string_view title) {
  PageData data(graph);
  return Concat("<!doctype html>\n<html lang=\"en\"><script type=\"application/json\" id=\"data\">", data.Json(title),
                "</script>\n", kPage, "</html>\n");
}

}  // namespace godwit
