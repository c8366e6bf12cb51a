// Every number format against values that the gguf package decoded (tests/tools/make_convert_fixtures.py), bit for bit,
// and the two 16-bit floats that weights are written in.
#include "framework/convert/block_format.h"

#include <gmock/gmock.h>

#include <bit>
#include <cmath>

#include "framework/convert/gguf.h"
#include "framework/convert/safetensors_writer.h"
#include "framework/core/error.h"
#include "framework/model/checkpoint/float16.h"

namespace specula {
namespace {

using testing::HasSubstr;

const std::filesystem::path kFormats =
    std::filesystem::path(SPECULA_SOURCE_DIR) / "tests/model/fixtures/convert/formats.gguf";

std::vector<uint32_t> bits_of(const GgufFile& file, const GgufTensor& tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.rows() * tensor.row_size()));
  file.read_rows(tensor, 0, tensor.rows(), values.data());
  std::vector<uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<uint32_t>(value));
  return bits;
}

const GgufTensor& named(const GgufFile& file, const std::string& name) {
  for (const GgufTensor& tensor : file.tensors()) {
    if (tensor.name == name) return tensor;
  }
  throw Error(name);
}

TEST(BlockFormat, DecodesEachFormatBitForBit) {
  const GgufFile file(kFormats);
  for (const BlockFormat& format : block_formats()) {
    const GgufTensor& tensor = named(file, format.name);
    EXPECT_STREQ(tensor.format->name, format.name);
    const auto bits = bits_of(file, tensor);
    EXPECT_EQ(bits.size(), 512u);
    EXPECT_EQ(bits, bits_of(file, named(file, cat(format.name, ".float")))) << format.name;
  }
}

TEST(BlockFormat, RowsAreReadFromAnyStart) {
  const GgufFile file(kFormats);
  const GgufTensor& tensor = named(file, "Q6_K");
  std::vector<float> both(512), second(256);
  file.read_rows(tensor, 0, 2, both.data());
  file.read_rows(tensor, 1, 1, second.data());
  EXPECT_EQ(second, std::vector<float>(both.begin() + 256, both.end()));
  EXPECT_THROW(file.read_rows(tensor, 1, 2, both.data()), std::logic_error);
}

TEST(BlockFormat, NamesWhatItCannotRead) {
  const auto refusal = [](uint32_t id) -> std::string {
    try {
      block_format(id, "m.gguf: tensor 'w'");
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was thrown";
  };
  EXPECT_THAT(refusal(23),
              HasSubstr("m.gguf: tensor 'w': number format IQ4_XS (id 23) cannot be read; valid: F32, F16"));
  EXPECT_THAT(refusal(4), HasSubstr("number format unknown (id 4)"));
}

TEST(Float16, EveryPatternComesBack) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = from_float16(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(from_float16(to_float16(value))));
    } else {
      EXPECT_EQ(to_float16(value), half);
    }
  }
}

TEST(Float16, RoundsToTheNearestTiesToEven) {
  for (uint32_t bits = 0; bits < 0x7bff; ++bits) {  // between each two neighbours
    const float low = from_float16(static_cast<uint16_t>(bits)), high = from_float16(static_cast<uint16_t>(bits + 1));
    const float middle = (low + high) / 2;
    EXPECT_EQ(to_float16(middle), bits + bits % 2);
    EXPECT_EQ(to_float16(std::nextafter(middle, low)), bits);
    EXPECT_EQ(to_float16(std::nextafter(middle, high)), bits + 1);
    EXPECT_EQ(to_float16(-middle), 0x8000 + bits + bits % 2);
  }
  EXPECT_EQ(to_float16(65519.996f), 0x7bff);
  EXPECT_EQ(to_float16(65520.0f), 0x7c00);
  EXPECT_EQ(to_float16(1e30f), 0x7c00);
  EXPECT_EQ(to_float16(-INFINITY), 0xfc00);
  EXPECT_EQ(to_float16(1e-30f), 0);
}

}  // namespace
}  // namespace specula
