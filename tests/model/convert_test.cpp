// Files of llama.cpp and llama2.c, converted, loaded and compared with the logits that transformers computes from the
// same weights (tests/tools/make_convert_fixtures.py).
#include <gmock/gmock.h>

#include <algorithm>

#include "framework/convert/gguf_model.h"
#include "framework/convert/llama2c.h"
#include "framework/core/files.h"
#include "framework/model/checkpoint/safetensors.h"
#include "framework/text/tokenizer.h"
#include "tests/model/support.h"

namespace specula::test {
namespace {

namespace fs = std::filesystem;

fs::path fixture(const std::string& name) { return source_folder() / "tests/model/fixtures/convert" / name; }

template <class T>
std::vector<T> read_expected(const std::string& name, const std::string& tensor) {
  const SafetensorsFile file(fixture(name + ".expected.safetensors"));
  for (const TensorEntry& entry : file.entries()) {
    if (entry.name != tensor) continue;
    std::vector<T> out(static_cast<size_t>(entry.elements()));
    file.read(entry, 0, {reinterpret_cast<uint8_t*>(out.data()), out.size() * sizeof(T)});
    return out;
  }
  throw Error(tensor);
}

// Of the logits' range, between the loaded folder and what was expected.
float difference(const fs::path& folder, const std::string& name) {
  const auto logits = read_expected<float>(name, "logits");
  const auto model = load_model(folder, {.dtype = Dtype::kFloat32});
  const auto cache = model->new_cache(1, 0);
  const Pass pass = run(*model, *cache, chain(read_expected<int64_t>(name, "ids")));
  return largest_difference(values(pass.logits), logits) / range_of(logits);
}

class Converted : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Fixtures, Converted,
                         testing::Values("mix.gguf", "pieces.gguf", "legacy.bin", "version1.bin", "version2.bin"),
                         [](const auto& test) {
                           return std::string(test.param).substr(0, std::string(test.param).find('.'));
                         });

constexpr float kBound = 1e-4F;

void convert(const std::string& file, const fs::path& out, uint64_t shard_bytes) {
  if (file.ends_with(".gguf")) {
    const GgufFile gguf(fixture(file));
    write_model(convert_gguf(gguf, WrittenDtype::kAsStored), out, {.shard_bytes = shard_bytes});
  } else {
    const Llama2cFile checkpoint(fixture(file));
    const bool known = checkpoint.shape().vocab == 300;
    write_model(convert_llama2c(checkpoint, known ? fixture("tokenizer.bin") : fs::path(), WrittenDtype::kAsStored),
                out);
    EXPECT_EQ(has_tokenizer(out), known);
  }
}

TEST_P(Converted, GivesTheLogitsOfTheOriginal) {
  const TemporaryFolder scratch;
  const fs::path out = scratch.path() / "out";
  const std::string file = GetParam();
  convert(file, out, 30000);
  EXPECT_LE(difference(out, file.substr(0, file.find('.'))), kBound);
}

// A tensor whose halves are exchanged (rows of a weight: how a wrong order of the heads' halves would look) is seen in
// the logits, whichever it is.
TEST_P(Converted, SeesEachTensorInItsPlace) {
  const TemporaryFolder scratch;
  const fs::path out = scratch.path() / "out", weights = out / "model.safetensors";
  const std::string file = GetParam(), name = file.substr(0, file.find('.'));
  convert(file, out, uint64_t{1} << 30);
  const std::string good = read_file(weights);
  const auto entries = SafetensorsFile(weights).entries();
  EXPECT_GE(entries.size(), 12u);
  for (const TensorEntry& entry : entries) {
    std::string bytes = good;
    const auto begin = bytes.begin() + static_cast<int64_t>(entry.begin),
               end = bytes.begin() + static_cast<int64_t>(entry.end);
    std::rotate(begin, begin + (end - begin) / 2, end);
    if (bytes == good) continue;  // a bias of zeros
    write_file_atomically(weights, bytes);
    EXPECT_GT(difference(out, name), kBound) << entry.name;
  }
}

}  // namespace
}  // namespace specula::test
