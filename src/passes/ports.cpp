#include "passes/ports.h"

#include <algorithm>
#include <map>

#include "base/diag_passes.h"
#include "base/text.h"
#include "ir/builder.h"
#include "ir/convert.h"
#include "ir/walk.h"
#include "ops/ops.h"
#include "rewrite/match.h"
#include "rewrite/ports.h"

namespace godwit {

namespace {

// Where dim k of the new order comes from.
std::vector<int64_t> Order(int rank, PortLayout to) {
  std::vector<int64_t> perm = ToChannelsLast(rank);
  return to == PortLayout::kChannelsLast ? perm : Inverse(perm);
}

PortLayout Wanted(const std::vector<LayoutWish>& wishes, const std::string& port, int rank, PortLayout own) {
  PortLayout out = own;
  bool named = false;
  for (const LayoutWish& wish : wishes) {
    if (wish.port == port) {
      out = wish.layout;
      named = true;
    } else if (wish.port.empty() && !named && (rank == 4 || rank == 5)) {
      out = wish.layout;
    }
  }
  return out;
}

Status CheckNames(const std::vector<LayoutWish>& wishes, const std::map<std::string, int>& ranks) {
  for (const LayoutWish& wish : wishes) {
    if (wish.port.empty()) continue;
    const auto at = ranks.find(wish.port);
    if (at == ranks.end()) {
      return Diag(diag::kPassEdge,
                  Concat("--io-layout: the model has no input or output named '", Printable(wish.port, 200), "'"));
    }
    if (at->second < 3) {
      return Diag(diag::kPassEdge, Concat("--io-layout: '", Printable(wish.port, 200), "' has no channels to move: ",
                                          at->second < 0 ? "its rank is not known"
                                                         : Concat("its rank is ", std::to_string(at->second))));
    }
  }
  return Ok{};
}

}  // namespace

Status AddLayoutWish(std::string_view text, std::vector<LayoutWish>* wishes) {
  const size_t equals = text.rfind('=');
  LayoutWish wish;
  if (equals != std::string_view::npos) wish.port = text.substr(0, equals);
  const std::string_view word = equals == std::string_view::npos ? text : text.substr(equals + 1);
  if (word == "keep" && wish.port.empty()) return Ok{};
  if ((word != "nhwc" && word != "nchw") || equals == 0) {
    return Diag(diag::kUsage, Concat("--io-layout: '", Printable(text, 200), "' is not keep, nhwc, nchw or NAME=nhwc"));
  }
  wish.layout = word == "nhwc" ? PortLayout::kChannelsLast : PortLayout::kChannelsFirst;
  wishes->push_back(std::move(wish));
  return Ok{};
}

Status ApplyLayouts(const std::vector<LayoutWish>& wishes, PortLayout own, Graph* graph) {
  if (wishes.empty()) return Ok{};
  std::map<std::string, int> ranks;
  const auto rank_of = [&](ValueId id) {
    const Type& type = graph->value(id).type;
    return type.ranked() ? type.rank() : -1;
  };
  const std::vector<ValueId> params = graph->region(Graph::main()).params;
  const std::vector<ValueId> results = graph->region(Graph::main()).results;
  for (size_t i = graph->output_names.size(); i < results.size(); ++i) {
    graph->output_names.push_back(graph->value(results[i]).name);
  }
  for (const ValueId id : params) ranks[graph->value(id).name] = rank_of(id);
  for (size_t i = 0; i < results.size(); ++i) ranks[graph->output_names[i]] = rank_of(results[i]);
  RETURN_IF_ERROR(CheckNames(wishes, ranks));
  // Outputs first: one that is an input as it stands is moved for both.
  for (size_t i = 0; i < results.size(); ++i) {
    const int rank = rank_of(results[i]);
    const PortLayout to = Wanted(wishes, graph->output_names[i], rank, own);
    if (rank >= 3 && to != own) RETURN_IF_ERROR(ReorderOutput(graph, i, Order(rank, to)));
  }
  for (const ValueId id : params) {
    const int rank = rank_of(id);
    const PortLayout to = Wanted(wishes, graph->value(id).name, rank, own);
    if (rank >= 3 && to != own) RETURN_IF_ERROR(ReorderInput(graph, id, Order(rank, to)));
  }
  return TopologicalSort(graph, Graph::main());
}

Result<Preprocess> ParsePreprocess(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return Diag(diag::kUsage, Concat("--preprocess: '", Printable(text, 200), "' ", why))
        .Hint("--preprocess 'image=u8,rgb->bgr,mean=123.7,116.3,103.5,scale=0.017'");
  };
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) return wrong("is not NAME=WHAT");
  Preprocess out;
  out.input = text.substr(0, equals);
  std::vector<double>* list = nullptr;
  for (std::string_view part : Split(text.substr(equals + 1), ',')) {
    part = Trim(part);
    if (part.starts_with("mean=")) {
      list = &out.mean;
      part.remove_prefix(5);
    } else if (part.starts_with("scale=")) {
      list = &out.scale;
      part.remove_prefix(6);
    } else if (part == "rgb->bgr" || part == "bgr->rgb") {
      out.swap = true;
      continue;
    } else if (const DType dtype = DTypeFromName(part); dtype != DType::kNone) {
      out.dtype = dtype;
      continue;
    }
    double number = 0;
    if (list == nullptr || !ParseDouble(part, &number)) return wrong(Concat("has no meaning at '", part, "'"));
    list->push_back(number);
  }
  return out;
}

Status ApplyPreprocess(const Preprocess& wish, PortLayout own, Graph* graph) {
  const auto wrong = [&](std::string_view why) {
    return Diag(diag::kPassEdge, Concat("--preprocess: input '", Printable(wish.input, 200), "' ", why));
  };
  ValueId input;
  for (const ValueId id : graph->region(Graph::main()).params) {
    if (graph->value(id).name == wish.input) input = id;
  }
  if (!input) return wrong("is none of the model's");
  const Type type = graph->value(input).type;
  if (!type.ranked() || !IsFloat(type.dtype())) return wrong(Concat("is ", type.ToString(), ", not a float tensor"));
  const int channels_at = type.rank() < 3 || own == PortLayout::kChannelsLast ? type.rank() - 1 : 1;
  const Dim* channels = channels_at < 0 ? nullptr : &type.shape()[static_cast<size_t>(channels_at)];
  const int64_t n = channels != nullptr && channels->is_static() ? channels->value() : -1;
  for (const std::vector<double>* list : {&wish.mean, &wish.scale}) {
    if (list->size() > 1 && static_cast<int64_t>(list->size()) != n) {
      return wrong(Concat("has not the ", std::to_string(list->size()), " channels that mean or scale speak of"));
    }
  }
  if (wish.swap && n <= 0) return wrong("has no known number of channels to turn round");
  std::vector<Use> uses;
  ForEachUse(*graph, [&](const Use& use) {
    if (use.value == input) uses.push_back(use);
  });
  if (wish.dtype != DType::kNone) graph->value(input).type.tensor().dtype = wish.dtype;
  Inference inference(*graph);
  Builder builder(*graph, inference);
  ValueId now = input;
  if (wish.swap) {
    std::vector<int64_t> order;
    for (int64_t k = n; k-- > 0;) order.push_back(k);
    TRY(now, builder.Emit(ops::kGather, {now, builder.I64s(order)}, {{"axis", int64_t{channels_at}}}));
  }
  if (wish.dtype != DType::kNone && wish.dtype != type.dtype()) {
    TRY(now, builder.Emit(ops::kCast, {now}, {{"to", type.dtype()}}));
  }
  const auto constant = [&](const std::vector<double>& list) -> Result<ValueId> {
    if (list.size() == 1) return builder.Scalar(type.dtype(), list[0]);
    std::vector<int64_t> shape(static_cast<size_t>(type.rank()), 1);
    shape[static_cast<size_t>(channels_at)] = static_cast<int64_t>(list.size());
    TRY(Tensor tensor, Tensor::Make(type.dtype(), shape));
    RETURN_IF_ERROR(FromF64(list, &tensor));
    return builder.Constant(std::move(tensor));
  };
  if (!wish.mean.empty()) {
    TRY(const ValueId mean, constant(wish.mean));
    TRY(now, builder.Emit(ops::kSub, {now, mean}));
  }
  if (!wish.scale.empty()) {
    TRY(const ValueId scale, constant(wish.scale));
    TRY(now, builder.Emit(ops::kMul, {now, scale}));
  }
  for (const Use& use : uses) {
    (use.node ? graph->node(use.node).in : graph->region(use.region).results)[use.index] = now;
  }
  return TopologicalSort(graph, Graph::main());
}

}  // namespace godwit
