// Variables, and tables that are filled once.
#include <fmt/format.h>

#include "base/diag_tflite_import.h"
#include "base/text.h"
#include "frontends/tflite/graph_import.h"
#include "frontends/tflite/op_import.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

void ImportVarHandle(OpImport& n) {
  if (!n.Wants(0)) return;
  const std::string_view container = n.options().Text("container"), name = n.options().Text("shared_name");
  std::string key = container.empty() ? std::string(name) : Concat(container, "/", name);
  if (key.empty()) key = std::string(n.OutTensor(0).name);
  n.importer().SetHandle(n.op().outputs[0], std::move(key));
}

const std::string* HandleAt(OpImport& n, size_t i) {
  const std::string* key = n.Has(i) ? n.importer().HandleOf(n.op().inputs[i]) : nullptr;
  if (key == nullptr && n.ok()) {
    n.Fail(Diag(diag::kTfliteState,
                "which variable it means is not known here: the resource comes from another subgraph"));
  }
  return key;
}

void ImportRead(OpImport& n) {
  const std::string* key = HandleAt(n, 0);
  if (key == nullptr || !n.Wants(0)) return;
  n.Out(0, n.importer().ReadVariable(*key, n.importer().StatedType(n.OutTensor(0))));
}

void ImportAssign(OpImport& n) {
  const std::string* key = HandleAt(n, 0);
  const ValueId value = n.Stored(1);
  if (!n.ok() || key == nullptr) return;
  if (n.importer().in_region()) {
    n.Fail(Diag(diag::kTfliteState, Concat("variable '", *key, "' is written inside a branch or a loop")));
    return;
  }
  n.importer().WriteVariable(*key, value);
}

void ImportCallOnce(OpImport& n) {
  Status status = n.importer().RunInit(n.Int("init_subgraph_index"));
  if (!status.ok()) n.Fail(std::move(status.diag()));
}

void ImportHashtable(OpImport& n) {
  if (n.Wants(0)) n.importer().SetHandle(n.op().outputs[0], fmt::format("{}", n.Int("table_id")));
}

void ImportHashtableImport(OpImport& n) {
  const std::string* key = HandleAt(n, 0);
  const Tensor* keys = n.KnownTensor(n.Stored(1));
  const Tensor* values = n.KnownTensor(n.Stored(2));
  if (!n.ok() || key == nullptr) return;
  if (keys == nullptr || values == nullptr || keys->size() != values->size()) {
    n.Fail(Diag(diag::kTfliteState, "a table is filled with what is not known before the model runs"));
    return;
  }
  n.importer().state().tables[*key] = {*keys, *values};
}

const LookupTable* TableAt(OpImport& n) {
  const std::string* key = HandleAt(n, 0);
  if (key == nullptr) return nullptr;
  const auto it = n.importer().state().tables.find(*key);
  if (it != n.importer().state().tables.end()) return &it->second;
  n.Fail(Diag(diag::kTfliteState, "a table that nothing has filled"));
  return nullptr;
}

void ImportHashtableFind(OpImport& n) {
  const LookupTable* table = TableAt(n);
  const ValueId x = n.Stored(1);
  const Tensor* fallback = n.KnownTensor(n.Stored(2));
  if (!n.ok()) return;
  if (fallback == nullptr || fallback->size() != 1) {
    n.Unsupported("what other keys stand for must be constant");
    return;
  }
  n.Out(0, n.Emit(ops::kLabelEncode, {x},
                  {{"keys", table->keys}, {"values", table->values}, {"fallback", fallback->Reshaped({1})}}));
}

void ImportHashtableSize(OpImport& n) {
  const LookupTable* table = TableAt(n);
  if (table != nullptr) n.Out(0, n.I64s({table->keys.size()}));
}

constexpr Rule kRules[] = {
    {B::kAssignVariable, Numbers::kStored, ImportAssign},
    {B::kCallOnce, Numbers::kStored, ImportCallOnce},
    {B::kHashtable, Numbers::kStored, ImportHashtable},
    {B::kHashtableFind, Numbers::kStored, ImportHashtableFind},
    {B::kHashtableImport, Numbers::kStored, ImportHashtableImport},
    {B::kHashtableSize, Numbers::kStored, ImportHashtableSize},
    {B::kReadVariable, Numbers::kStored, ImportRead},
    {B::kVarHandle, Numbers::kStored, ImportVarHandle},
};

}  // namespace

extern const RuleSet kStateRules{kRules};

}  // namespace godwit::from_tflite
