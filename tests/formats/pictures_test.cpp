// Pictures: what plain decoders give, and damaged files that are told apart from kinds that are not read.
#include "formats/pictures/pictures.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "support/temp_dir.h"

namespace godwit {
namespace {

using testing::IdOf;

std::string FromHex(std::string_view hex) {
  std::string bytes;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (size_t i = 0; i + 1 < hex.size(); i += 2) bytes += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  return bytes;
}

std::vector<int> Pixels(const std::string& bytes) {
  const auto picture = DecodePicture(AsBytes(bytes), {});
  if (!picture.ok()) {
    ADD_FAILURE() << picture.diag().what;
    return {};
  }
  return {picture->rgb.begin(), picture->rgb.end()};
}

constexpr std::string_view kPng =
    "89504e470d0a1a0a0000000d4948445200000002000000020802000000fdd49a73000000134944415478da63f8cfc0c000c20cff"
    "b944e4001a58033ae2926ed90000000049454e44ae426082";
constexpr std::string_view kPalettePng =
    "89504e470d0a1a0a0000000d4948445200000002000000010803000000c3fc8fb800000006504c5445010203fafbfcfd5ee6a300"
    "00000b4944415478da63606400000005000242c2449f0000000049454e44ae426082";
constexpr std::string_view kGrey16Png =
    "89504e470d0a1a0a0000000d494844520000000200000001100000000081d9fc150000000d4944415478da63f8ff9f9101000700"
    "02004ccb5eca0000000049454e44ae426082";
constexpr std::string_view kAlphaPng =
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63e0e460670000004f"
    "00190cd2a1dc0000000049454e44ae426082";
constexpr std::string_view kJpeg =
    "ffd8ffe000104a46494600010100000100010000ffdb0043000302020302020303030304030304050805050404050a070706"
    "080c0a0c0c0b0a0b0b0d0e12100d0e110e0b0b1016101113141515150c0f171816141812141514ffdb004301030404050405"
    "09050509140d0b0d141414141414141414141414141414141414141414141414141414141414141414141414141414141414"
    "1414141414141414ffc00011080008000803012200021101031101ffc4001500010100000000000000000000000000000004"
    "ffc40014100100000000000000000000000000000000ffc4001501010100000000000000000000000000000708ffc4001411"
    "0100000000000000000000000000000000ffda000c03010002110311003f0090007a907fffd9";

TEST(Pictures, PngOfEveryKindBecomesRgb) {
  EXPECT_EQ(Pixels(FromHex(kPng)), (std::vector<int>{255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30}));
  EXPECT_EQ(Pixels(FromHex(kPalettePng)), (std::vector<int>{250, 251, 252, 1, 2, 3}));
  EXPECT_EQ(Pixels(FromHex(kGrey16Png)), (std::vector<int>{255, 255, 255, 1, 1, 1}));
  EXPECT_EQ(Pixels(FromHex(kAlphaPng)), (std::vector<int>{9, 8, 7}));
}

TEST(Pictures, JpegOfOneColour) {
  const auto pixels = Pixels(FromHex(kJpeg));
  ASSERT_EQ(pixels.size(), 192U);
  EXPECT_EQ(pixels[0], 200);
  EXPECT_EQ(pixels[1], 100);
  EXPECT_EQ(pixels[2], 50);
  EXPECT_EQ(pixels[191], 50);
}

TEST(Pictures, PnmAsTextAndAsBytes) {
  EXPECT_EQ(Pixels("P3 # two pixels\n2 1\n255\n1 2 3 4 5 6\n"), (std::vector<int>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(Pixels(std::string("P5 1 2 255\n\x07\x09", 13)), (std::vector<int>{7, 7, 7, 9, 9, 9}));
  EXPECT_EQ(Pixels("P1 2 1\n01"), (std::vector<int>{255, 255, 255, 0, 0, 0}));
  EXPECT_EQ(Pixels("P2 1 1 15 15"), (std::vector<int>{255, 255, 255}));
}

TEST(Pictures, BmpRowsComeFromTheBottomUnlessTheHeightIsNegative) {
  std::string bmp = FromHex(
      "424d4600000000000000360000002800000001000000020000000100180000000000000000000000000000000000000000000000"
      "0000030201000605040000");
  bmp.resize(62);
  EXPECT_EQ(Pixels(bmp), (std::vector<int>{4, 5, 6, 1, 2, 3}));
  const int32_t height = -2;
  std::memcpy(bmp.data() + 22, &height, 4);
  EXPECT_EQ(Pixels(bmp), (std::vector<int>{1, 2, 3, 4, 5, 6}));
}

std::string DecodeId(std::string_view bytes, const Limits& limits = {}) {
  const auto picture = DecodePicture(AsBytes(bytes), limits);
  return picture.ok() ? "" : std::string(picture.diag().id);
}

TEST(Pictures, DamageIsNoticedAtEveryByte) {
  for (const std::string& whole : {FromHex(kPng), FromHex(kJpeg), std::string("P5 2 2 255\n1234")}) {
    for (size_t n = 8; n < whole.size() - 1; ++n) {
      const std::string id = DecodeId(std::string_view(whole).substr(0, n));
      EXPECT_TRUE(id == "picture.malformed" || (id.empty() && n + 16 > whole.size())) << n << " of " << whole.size();
    }
  }
}

TEST(Pictures, OtherKindsAreNamed) {
  EXPECT_EQ(DecodeId("RIFF1234WEBPVP8 "), "picture.unsupported");
  EXPECT_EQ(DecodeId(std::string_view("II*\0....", 8)), "picture.unsupported");
  EXPECT_EQ(DecodeId("hello"), "picture.unsupported");
  EXPECT_EQ(DecodeId(""), "picture.unsupported");
}

TEST(Pictures, SizeIsLimited) {
  Limits limits;
  limits.picture_pixels = 3;
  EXPECT_EQ(DecodeId(FromHex(kPng), limits), "limit.exceeded");
  EXPECT_EQ(DecodeId("P5 2000000000 2000000000 255\n"), "picture.malformed");
}

TEST(Pictures, AHeaderCannotAskForMoreThanItsFileHolds) {
  std::string png = FromHex(kPng);
  const char large[] = {0, 0, 0x30, 0};  // 12288, for which the header's checksum is no longer right
  std::memcpy(png.data() + 16, large, 4);
  EXPECT_EQ(DecodeId(png), "picture.malformed");
  std::string jpeg = FromHex(kJpeg);
  const size_t frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  jpeg[frame + 5] = 0x30;
  jpeg[frame + 7] = 0x30;
  EXPECT_EQ(DecodeId(jpeg), "picture.malformed");
}

}  // namespace
}  // namespace godwit
