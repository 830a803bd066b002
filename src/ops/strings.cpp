// Strings: string_concat, string_split, string_normalize, regex_full_match.
#include <fmt/format.h>

#include <algorithm>

#include "base/regex.h"
#include "base/unicode.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/broadcast.h"
#include "ops/decompose_text.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kConcatIn[] = {{"a", kStrings}, {"b", kStrings}};
constexpr OperandDef kStringIn[] = {{"x", kStrings}};
constexpr OperandDef kStringOut[] = {{"y", kStrings}};
constexpr std::string_view kConcatRules[] = {"c1: the operands' shapes broadcast"};

const std::string& TextOf(const Tensor& t, int64_t i) { return *t.data<StringRef>()[i]; }

Status InferConcat(InferCtx& ctx) {
  TRY(Type type, InferBroadcast(ctx, DType::kString, 0, 2, "c1"));
  ctx.Out(0, std::move(type));
  return Ok{};
}

Status EvalConcat(EvalCtx& ctx) {
  const Tensor& a = ctx.In(0);
  const Tensor& b = ctx.In(1);
  const Dims* shapes[] = {&a.dims(), &b.dims()};
  TRY(Dims dims, BroadcastDims(ctx, shapes, "c1"));
  TRY(Tensor * out, ctx.Make(0, DType::kString, dims));
  BroadcastWalk walk(dims, shapes);
  for (int64_t i = 0; i < walk.count(); ++i, walk.Next()) {
    out->mutable_data<StringRef>()[i] = Intern(TextOf(a, walk.offset(0)) + TextOf(b, walk.offset(1)));
  }
  return Ok{};
}

constexpr OperandDef kSplitOut[] = {{"parts", kStrings}, {"counts", TypeSet(DType::kI64)}};
constexpr AttrDef kSplitAttrs[] = {
    {"delimiter", AttrKind::kString, "\"\"", "What parts are cut at; empty: runs of white space, none at the ends."},
    {"most", AttrKind::kInt, "none", "Cuts to make at most; the rest stays whole. Absent: all."}};

Status InferSplit(InferCtx& ctx) {
  ctx.Out(0, Type::Tensor(DType::kString));
  ctx.Out(1, Type::Tensor(DType::kI64));
  if (!ctx.Ranked(0)) return Ok{};
  Shape parts = ctx.ShapeOf(0);
  ctx.Out(1, DType::kI64, parts);
  parts.push_back(ctx.Fresh("parts"));
  ctx.Out(0, DType::kString, std::move(parts));
  return Ok{};
}

std::vector<std::string_view> SplitAt(std::string_view text, std::string_view delimiter, int64_t most) {
  std::vector<std::string_view> parts;
  while (static_cast<int64_t>(parts.size()) < most) {
    const size_t cut = text.find(delimiter);
    if (cut == std::string_view::npos) break;
    parts.push_back(text.substr(0, cut));
    text.remove_prefix(cut + delimiter.size());
  }
  parts.push_back(text);
  return parts;
}

std::vector<std::string_view> SplitAtSpace(std::string_view text, int64_t most) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t start = text.find_first_not_of(kSpace);
    if (start == std::string_view::npos) return parts;
    text.remove_prefix(start);
    const size_t end = text.find_first_of(kSpace);
    if (end == std::string_view::npos || static_cast<int64_t>(parts.size()) >= most) {
      parts.push_back(text.substr(0, text.find_last_not_of(kSpace) + 1));
      return parts;
    }
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

Status EvalSplit(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  const std::string_view delimiter = ctx.attrs.Str("delimiter");
  const int64_t given = ctx.attrs.Int("most", INT64_MAX);
  const int64_t most = given < 0 ? INT64_MAX : given;
  std::vector<std::vector<std::string_view>> all;
  size_t longest = 0;
  for (int64_t i = 0; i < in.size(); ++i) {
    all.push_back(delimiter.empty() ? SplitAtSpace(TextOf(in, i), most) : SplitAt(TextOf(in, i), delimiter, most));
    longest = std::max(longest, all.back().size());
  }
  Dims dims = in.dims();
  dims.push_back(static_cast<int64_t>(longest));
  TRY(Tensor * out, ctx.Make(0, DType::kString, std::move(dims)));
  TRY(Tensor counts, Tensor::Make(DType::kI64, in.dims()));
  const StringRef empty = Intern("");
  StringRef* dst = out->mutable_data<StringRef>();
  for (size_t i = 0; i < all.size(); ++i) {
    for (size_t k = 0; k < longest; ++k) *dst++ = k < all[i].size() ? Intern(all[i][k]) : empty;
    counts.mutable_data<int64_t>()[i] = static_cast<int64_t>(all[i].size());
  }
  ctx.Set(1, std::move(counts));
  return Ok{};
}

constexpr AttrDef kNormalizeAttrs[] = {
    {"case", AttrKind::kString, "none", "none, lower or upper."},
    {"case_sensitive", AttrKind::kInt, "0", "Whether stop words must agree in case."},
    {"stop_words", AttrKind::kStringList, "none", "Elements that are dropped."}};
constexpr std::string_view kNormalizeRules[] = {"c1: the operand is [n] or [1, n]", "c2: case is none, lower or upper"};

Status InferNormalize(InferCtx& ctx) {
  ctx.Out(0, Type::Tensor(DType::kString));
  if (!ctx.Ranked(0)) return Ok{};
  Shape out = ctx.ShapeOf(0);
  if (out.empty() || out.size() > 2) return ctx.Fail("c1", fmt::format("rank {}", out.size()));
  if (!ctx.attrs.Strs("stop_words").empty()) out.back() = ctx.Fresh("kept");
  // At least one element stays, an empty one if need be.
  out.back() = Dim::Max(out.back(), Dim(1));
  ctx.Out(0, DType::kString, std::move(out));
  return Ok{};
}

Status EvalNormalize(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  if (in.rank() < 1 || in.rank() > 2 || (in.rank() == 2 && in.dim(0) != 1)) {
    return ctx.Fail("c1", ToString(in.dims()));
  }
  const std::string_view how = ctx.attrs.Str("case", "none");
  if (how != "none" && how != "lower" && how != "upper") return ctx.Fail("c2", std::string(how));
  const bool exact = ctx.attrs.Flag("case_sensitive");
  std::vector<std::string> stops;
  for (const std::string& word : ctx.attrs.Strs("stop_words")) stops.push_back(exact ? word : ToLowerUtf8(word));
  std::sort(stops.begin(), stops.end());
  std::vector<StringRef> kept;
  for (int64_t i = 0; i < in.size(); ++i) {
    const std::string& text = TextOf(in, i);
    if (!stops.empty() && std::binary_search(stops.begin(), stops.end(), exact ? text : ToLowerUtf8(text))) continue;
    kept.push_back(Intern(how == "lower" ? ToLowerUtf8(text) : how == "upper" ? ToUpperUtf8(text) : text));
  }
  if (kept.empty()) kept.push_back(Intern(""));
  Dims dims = in.dims();
  dims.back() = static_cast<int64_t>(kept.size());
  ctx.Set(0, Tensor::Of<StringRef>(DType::kString, std::move(dims), kept));
  return Ok{};
}

constexpr OperandDef kMatchOut[] = {{"matches", kBools}};
constexpr AttrDef kMatchAttrs[] = {{"pattern", AttrKind::kString, "", "Regular expression in RE2's syntax."}};
constexpr std::string_view kMatchRules[] = {"c1: pattern is a regular expression"};

Status InferMatch(InferCtx& ctx) {
  Type type = ctx.In(0);
  if (type.is_tensor()) type.tensor().dtype = DType::kBool;
  ctx.Out(0, std::move(type));
  return Ok{};
}

Status EvalMatch(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  std::string error;
  const auto regex = Regex::Compile(ctx.attrs.Str("pattern"), &error);
  if (!regex) return ctx.Fail("c1", error);
  TRY(Tensor * out, ctx.Make(0, DType::kBool, in.dims()));
  for (int64_t i = 0; i < in.size(); ++i) out->mutable_data<uint8_t>()[i] = regex->FullMatch(TextOf(in, i)) ? 1 : 0;
  return Ok{};
}

std::span<const Sample> ConcatSamples() {
  static const Sample samples[] = {{{"string[2]", "string[2]"}, {}}, {{"string[2,1]", "string[3]"}, {}}};
  return samples;
}
std::span<const Sample> SplitSamples() {
  static const Sample samples[] = {{{"string[2,2]"}, {{"delimiter", std::string("a")}}, 2}, {{"string[3]"}, {}, 2}};
  return samples;
}
std::span<const Sample> NormalizeSamples() {
  const auto stops = [](std::vector<std::string> words) {
    return Attrs{{"case_sensitive", int64_t{1}}, {"stop_words", std::move(words)}};
  };
  static const Sample samples[] = {{{"string[4]"}, {{"case", std::string("upper")}}},
                                   {{"string[1,3]"}, {}},
                                   {{"string[4]"}, stops({"s1", "s0"})},
                                   {{"string[1,4]"}, stops({"s1", "s0", "s2"})},
                                   {{"string[0]"}, {}}};
  return samples;
}
std::span<const Sample> MatchSamples() {
  static const Sample samples[] = {{{"string[2,3]"}, {{"pattern", std::string("[a-m]+x?")}}}};
  return samples;
}

}  // namespace

extern const OpDef kStringConcat{.name = "string_concat",
                                 .doc = "Joins strings element by element.",
                                 .operands = kConcatIn,
                                 .results = kStringOut,
                                 .constraints = kConcatRules,
                                 .infer = InferConcat,
                                 .eval = EvalConcat,
                                 .samples = ConcatSamples};
extern const OpDef kStringSplit{.name = "string_split",
                                .doc = "Cuts strings into parts along a new last dim, padded with empty ones.",
                                .operands = kStringIn,
                                .results = kSplitOut,
                                .attrs = kSplitAttrs,
                                .infer = InferSplit,
                                .eval = EvalSplit,
                                .samples = SplitSamples};
extern const OpDef kStringNormalize{.name = "string_normalize",
                                    .doc = "Drops stop words and changes case; one element stays at least.",
                                    .operands = kStringIn,
                                    .results = kStringOut,
                                    .attrs = kNormalizeAttrs,
                                    .constraints = kNormalizeRules,
                                    .infer = InferNormalize,
                                    .eval = EvalNormalize,
                                    .decompose = DecomposeStringNormalize,
                                    .samples = NormalizeSamples};
extern const OpDef kRegexFullMatch{.name = "regex_full_match",
                                   .doc = "Whether a regular expression matches the whole of each string.",
                                   .operands = kStringIn,
                                   .results = kMatchOut,
                                   .attrs = kMatchAttrs,
                                   .constraints = kMatchRules,
                                   .infer = InferMatch,
                                   .eval = EvalMatch,
                                   .samples = MatchSamples};

}  // namespace godwit::ops
