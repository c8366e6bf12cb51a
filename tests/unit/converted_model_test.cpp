// The folder that converters write: it appears whole or not at all; shards, formats, what is said of a bad place.
#include "framework/convert/converted_model.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "framework/core/files.h"
#include "tests/unit/convert_support.h"

namespace specula::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// Rows that count up from `start`.
Weight counting(const std::string& name, const std::string& dtype, std::vector<int64_t> shape, float start) {
  const int64_t size = shape.back();
  return {name, dtype, std::move(shape), [=](int64_t first, int64_t count, float* out) {
            for (int64_t i = 0; i < count * size; ++i) out[i] = start + static_cast<float>(first * size + i);
          }};
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& item : fs::directory_iterator(folder)) names.push_back(item.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

const ConvertedModel kModel = {
    .files = {{"config.json", "{}"}},
    .weights = {counting("a", "F32", {3, 2}, 0), counting("b", "BF16", {2, 2}, 1), counting("c", "F16", {5}, 2)}};

TEST(ConvertedFolder, HoldsWhatTheHeaderSays) {
  const ScratchFolder scratch;
  std::vector<uint64_t> done;
  write_model(kModel, scratch.path() / "out/", {.progress = [&](uint64_t now, uint64_t) { done.push_back(now); }});
  EXPECT_THAT(names_in(scratch.path()), testing::ElementsAre("out"));
  EXPECT_THAT(names_in(scratch.path() / "out"), testing::ElementsAre("config.json", "model.safetensors"));
  EXPECT_THAT(done, testing::ElementsAre(24, 32, 42));
  const std::string bytes = read_file(scratch.path() / "out/model.safetensors");
  const auto header_size = static_cast<size_t>(static_cast<unsigned char>(bytes[0]) | bytes[1] << 8);
  const auto header = nlohmann::json::parse(bytes.substr(8, header_size));
  EXPECT_EQ(header["b"]["dtype"], "BF16");
  EXPECT_EQ(header["c"]["data_offsets"], nlohmann::json::array({32, 42}));
  EXPECT_EQ(bytes.size(), 8 + header_size + 42);
  EXPECT_EQ(header_size % 8, 0u);
  EXPECT_EQ(bytes.substr(8 + header_size + 24, 4), std::string("\x80\x3f\x00\x40", 4));  // bfloat16 of 1 and 2
}

TEST(ConvertedFolder, IsCutIntoShards) {
  const ScratchFolder scratch;
  write_model(kModel, scratch.path() / "out", {.shard_bytes = 33});
  EXPECT_THAT(names_in(scratch.path() / "out"),
              testing::ElementsAre("config.json", "model-00001-of-00002.safetensors",
                                   "model-00002-of-00002.safetensors", "model.safetensors.index.json"));
  const auto index = nlohmann::json::parse(read_file(scratch.path() / "out/model.safetensors.index.json"));
  EXPECT_EQ(index["weight_map"]["b"], "model-00001-of-00002.safetensors");
  EXPECT_EQ(index["weight_map"]["c"], "model-00002-of-00002.safetensors");
  EXPECT_EQ(index["metadata"]["total_size"], 42);
}

TEST(ConvertedFolder, IsNotThereAfterAFailure) {
  const ScratchFolder scratch;
  const auto writing = [&](const WriteOptions& options) {
    return refusal_of([&] { write_model(kModel, scratch.path() / "out", options); });
  };
  const auto stop = [](uint64_t, uint64_t) { throw Error("stopped"); };
  EXPECT_EQ(writing({.progress = stop}), "stopped");
  EXPECT_EQ(writing({.check = [](const fs::path& folder) { throw Error(names_in(folder).front()); }}), "config.json");
  EXPECT_TRUE(names_in(scratch.path()).empty());
}

TEST(ConvertedFolder, OverwritesNothing) {
  const ScratchFolder scratch;
  const auto writing = [&](const fs::path& folder) { return refusal_of([&] { write_model(kModel, folder); }); };
  fs::create_directories(scratch.path() / "empty");
  EXPECT_EQ(writing(scratch.path() / "empty"), "nothing was thrown");
  EXPECT_THAT(writing(scratch.path() / "empty"), HasSubstr("exists and is not an empty folder; expected a new one"));
  write_file_atomically(scratch.path() / "file", "x");
  EXPECT_THAT(writing(scratch.path() / "file"), HasSubstr("exists and is not an empty folder"));
  EXPECT_THAT(writing(scratch.path() / "file/below"), HasSubstr("cannot create: Not a directory"));
  EXPECT_EQ(read_file(scratch.path() / "file"), "x");
}

TEST(ConvertedFolder, SaysThatTheDiskIsFull) {
  if (!fs::exists("/dev/full")) GTEST_SKIP();
  FileWriter full("/dev/full");
  EXPECT_THAT(refusal_of([&] { full.append("x"); }), HasSubstr("/dev/full: cannot write: No space left on device"));
}

TEST(WrittenDtype, FollowsTheFileUnlessAskedOtherwise) {
  EXPECT_EQ(safetensors_dtype(parse_written_dtype("auto", "--dtype"), "F16"), "F16");
  EXPECT_EQ(safetensors_dtype(parse_written_dtype("auto", "--dtype"), "Q4_K"), "BF16");
  EXPECT_EQ(safetensors_dtype(parse_written_dtype("fp32", "--dtype"), "Q4_K"), "F32");
  EXPECT_EQ(safetensors_dtype(parse_written_dtype("fp16", "--dtype"), "F32"), "F16");
  EXPECT_EQ(safetensors_dtype(parse_written_dtype("bf16", "--dtype"), "F32"), "BF16");
  EXPECT_THAT(refusal_of([] { parse_written_dtype("f32", "--dtype"); }), HasSubstr("--dtype: unknown format 'f32'"));
}

}  // namespace
}  // namespace specula::test
