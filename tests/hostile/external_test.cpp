// Side files that an ONNX model must not read (O1), and references that make no sense (O2).
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostile/case.h"

namespace godwit::testing {
namespace {

using Entries = std::vector<std::pair<std::string, std::string>>;
using Dir = const TempDir&;

/// A model whose weight of 8 bytes lies elsewhere.
std::string External(const Entries& entries) {
  ProtoBytes w;
  w.Int(1, 2).Int(2, 1).Bytes(8, "w");
  for (const auto& [key, value] : entries) w.Message(13, ProtoBytes().Bytes(1, key).Bytes(2, value));
  w.Int(14, 1);
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2}).InitTensor(w).Node("Add", {"x", "w"}, {"y"}).Output("y", DataType::kFloat, {2});
  return OnnxModel(g);
}

/// The model lies in a folder of its own, beside what it must not read: secret.bin, a folder of it, w.bin of its own.
HostileCase Side(
    std::string name, const Entries& entries, std::vector<int> exits, std::string id,
    const std::function<void(Dir)>& more = [](Dir) {}) {
  return {std::move(name),
          [=](Dir dir) {
            dir.Write("secret.bin", "0123456789abcdef");
            dir.Write("other/secret.bin", "0123456789abcdef");
            dir.Write("model/w.bin", "0123456789abcdef");
            more(dir);
            return dir.Write("model/model.onnx", External(entries));
          },
          std::move(exits),
          std::move(id),
          {"run"}};
}

void Link(const std::string& to, const std::string& path) { EXPECT_EQ(symlink(to.c_str(), path.c_str()), 0); }

std::vector<HostileCase> ExternalCases() {
  const char* unsafe = "onnx.external.unsafe";
  std::vector<HostileCase> c = {
      Side("O1_LinkOut", {{"location", "link"}}, {6}, unsafe,
           [](Dir dir) { Link("../secret.bin", dir.Path("model/link")); }),
      Side("O1_LinkedFolder", {{"location", "up/secret.bin"}}, {6}, unsafe,
           [](Dir dir) { Link("../other", dir.Path("model/up")); }),
      Side("O1_LinkLoop", {{"location", "loop"}}, {6}, unsafe, [](Dir dir) { Link("loop", dir.Path("model/loop")); }),
      Side("O1_HardLink", {{"location", "hard"}}, {6}, unsafe,
           [](Dir dir) { EXPECT_EQ(link(dir.Path("secret.bin").c_str(), dir.Path("model/hard").c_str()), 0); }),
      Side("O1_Pipe", {{"location", "pipe"}}, {6}, unsafe,
           [](Dir dir) { EXPECT_EQ(mkfifo(dir.Path("model/pipe").c_str(), 0600), 0); }),
      Side("O1_Folder", {{"location", "sub"}}, {6}, unsafe, [](Dir dir) { dir.Write("model/sub/x", "x"); }),
      Side("O2_Missing", {{"location", "none.bin"}}, {2}, "onnx.external.missing"),
      Side("O2_NoLocation", {{"offset", "0"}}, {3}, "onnx.external.key"),
      Side("O2_LocationTwice", {{"location", "w.bin"}, {"location", "../secret.bin"}}, {3}, "onnx.external.key"),
      Side("O2_UnknownKey", {{"location", "w.bin"}, {"__class__", "x"}}, {0}, "onnx.external.key"),
  };
  const std::pair<const char*, std::string> locations[] = {{"Absolute", "/etc/passwd"},
                                                           {"Parent", "../secret.bin"},
                                                           {"ParentAlone", ".."},
                                                           {"Climbing", "a/../../secret.bin"},
                                                           {"WithinAndBack", "sub/../w.bin"},
                                                           {"Drive", "C:\\x"},
                                                           {"DriveRelative", "c:w.bin"},
                                                           {"Backslash", "..\\secret.bin"},
                                                           {"TrailingDot", "w.bin."},
                                                           {"TrailingSlash", "w.bin/"},
                                                           {"Empty", ""},
                                                           {"Nul", std::string("w\0.bin", 6)},
                                                           {"FourKilobytes", std::string(4096, 'x')},
                                                           {"Device", "/dev/zero"}};
  for (const auto& [name, location] : locations) {
    c.push_back(Side(std::string("O1_") + name, {{"location", location}}, {6}, unsafe));
  }
  const std::tuple<const char*, Entries, const char*> ranges[] = {
      {"OffsetNegative", {{"offset", "-1"}}, "onnx.external.key"},
      {"LengthNegative", {{"length", "-8"}}, "onnx.external.key"},
      {"OffsetNoNumber", {{"offset", "0x10"}}, "onnx.external.key"},
      {"OffsetEmpty", {{"offset", ""}}, "onnx.external.key"},
      {"OffsetTooLong", {{"offset", "99999999999999999999"}}, "onnx.external.key"},
      {"OffsetTwice", {{"offset", "0"}, {"offset", "8"}}, "onnx.external.key"},
      {"OffsetBehindEnd", {{"offset", "17"}}, "onnx.external.range"},
      {"OffsetWraps", {{"offset", "18446744073709551612"}}, "onnx.external.range"},
      {"LengthBeyondFile", {{"offset", "12"}, {"length", "8"}}, "onnx.external.range"},
      {"LengthPetabyte", {{"length", "1125899906842624"}}, "onnx.external.range"},
      {"LengthOtherThanShape", {{"length", "4"}}, "onnx.external.range"},
  };
  for (const auto& [name, entries, id] : ranges) {
    Entries all = {{"location", "w.bin"}};
    all.insert(all.end(), entries.begin(), entries.end());
    c.push_back(Side(std::string("O2_") + name, all, {3, 5}, id));
  }
  return c;
}

class HostileExternal : public ::testing::TestWithParam<HostileCase> {};
TEST_P(HostileExternal, IsMet) { MeetHostile(GetParam()); }
INSTANTIATE_TEST_SUITE_P(O, HostileExternal, ::testing::ValuesIn(ExternalCases()), HostileName);

}  // namespace
}  // namespace godwit::testing
