// Files of torch.save: the same tensors as safetensors has of them (fixtures by tests/tools/make_torch_fixtures.py),
// and everything else refused in one line, without running what the file says.
#include "framework/model/checkpoint/torch_file.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <map>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/keyring.h"
#include "framework/model/checkpoint/checkpoint.h"
#include "framework/model/checkpoint/torch_pickle.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

fs::path fixture(const std::string& name) { return fs::path(SPECULA_SOURCE_DIR) / "tests/model/fixtures/torch" / name; }

struct Content {
  std::string dtype;
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;
  bool operator==(const Content&) const = default;
};

std::map<std::string, Content> content_of(const TensorFile& file) {
  std::map<std::string, Content> content;
  for (const TensorEntry& entry : file.entries()) {
    Content& tensor = content[entry.name];
    tensor = {entry.dtype, entry.shape, std::vector<uint8_t>(entry.end - entry.begin)};
    file.read(entry, 0, tensor.bytes);
  }
  return content;
}

std::string refusal(const fs::path& path) {
  try {
    TorchFile file(path);
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr(path.string()), Not(HasSubstr("\n"))));
    return error.what();
  }
  return "it was read";
}

std::string pickle_refusal(const std::string& bytes) {
  try {
    read_torch_pickle(bytes, "x.pt");
  } catch (const Error& error) {
    return error.what();
  }
  return "it was read";
}

TEST(TorchFile, HoldsTheTensorsThatSafetensorsHas) {
  for (const std::string name : {"state_dict", "nested"}) {
    const auto ours = content_of(*open_tensor_file(fixture(name + (name == "nested" ? ".bin" : ".pt"))));
    const auto theirs = content_of(*open_tensor_file(fixture(name + ".safetensors")));
    EXPECT_EQ(ours, theirs) << name;
    EXPECT_GE(ours.size(), 3u);
  }
}

TEST(TorchFile, AModelMayBeMadeOfThem) {
  const Checkpoint pickles(fixture("llama3_old_sharded")), safe(fixture("../llama3_old_sharded"));
  for (const TensorSpec& spec : expected_tensors(safe.config())) {
    ASSERT_EQ(pickles.has(spec.name), safe.has(spec.name)) << spec.name;
    if (!safe.has(spec.name)) continue;
    EXPECT_EQ(pickles.read(spec.name), safe.read(spec.name)) << spec.name;
  }
}

TEST(TorchFile, RunsNothing) {
  EXPECT_THAT(refusal(fixture("runs_code.pt")),
              AllOf(HasSubstr("it names 'posix system'"), HasSubstr("nothing was executed")));
  EXPECT_FALSE(fs::exists("/tmp/specula_pickle_was_executed"));
}

TEST(TorchFile, SaysWhatItCannotRead) {
  EXPECT_THAT(refusal(fixture("turned.pt")),
              HasSubstr("tensor 'turned' is not contiguous: shape [4, 3], strides [1, 4]"));
  EXPECT_THAT(refusal(fixture("old_format.pt")),
              HasSubstr("not a zip archive, as torch.save writes it since PyTorch 1.6"));
  EXPECT_THAT(refusal(fixture("compressed.pt")), HasSubstr("member 'archive/data.pkl' is compressed (method 8)"));
  EXPECT_THAT(refusal(fixture("state_dict.safetensors")), HasSubstr("not a zip archive"));
}

TEST(TorchPickle, IsAProgramThatMayOnlyBuildDictionaries) {
  const std::string begin("\x80\x02", 2);
  EXPECT_EQ(pickle_refusal(begin + "}."), "it was read");
  EXPECT_THAT(pickle_refusal(begin + "cbuiltins\neval\n."), HasSubstr("it names 'builtins eval'"));
  EXPECT_THAT(pickle_refusal(begin + "i."), HasSubstr("opcode 105 is none of those that tensors need")) << "INST";
  EXPECT_THAT(pickle_refusal(begin + "K\x01."), HasSubstr("its pickle is no dictionary of tensors"));
  EXPECT_THAT(pickle_refusal(begin + "."), HasSubstr("a value is missing"));
  EXPECT_THAT(pickle_refusal(begin + "}"), HasSubstr("it ends too early"));
  EXPECT_THAT(pickle_refusal(begin + "h\x07."), HasSubstr("nothing was remembered as 7"));
  EXPECT_THAT(pickle_refusal(begin + "X\xff\xff\xff\x7f"
                                     "abc"),
              HasSubstr("it ends too early"))
      << "a length that is a lie";
  const std::string deep = begin + ")" + std::string(100000, '\x85');
  EXPECT_THAT(pickle_refusal(deep + "."), HasSubstr("values lie more than 64 deep within each other"));
  EXPECT_THAT(pickle_refusal(begin + "}}s."), HasSubstr("a value is missing"));
  EXPECT_THAT(pickle_refusal(std::string("\x80\x07", 2) + "}."), HasSubstr("protocol 7; valid: 2 to 5"));
}

// Any damage is an Error or another valid file, never a crash: cut anywhere, and bytes changed at random.
TEST(TorchFile, DamageIsAnError) {
  const std::string whole = read_file(fixture("nested.bin"));
  const fs::path path = fs::path(testing::TempDir()) / cat("damaged-", ::getpid(), ".pt");
  const Keyring keys(3);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = whole;
    const auto draw = [&](uint32_t index, size_t range) {
      return static_cast<size_t>(keys.uniform(Use::kSearch, i, 0, index) * static_cast<double>(range));
    };
    if (i % 3 == 0) {
      bytes.resize(draw(0, bytes.size()));
    } else {
      for (uint32_t change = 0; change <= draw(1, 4); ++change)
        bytes[draw(10 + change, bytes.size())] = static_cast<char>(draw(20 + change, 256));
    }
    write_file_atomically(path, bytes);
    try {
      content_of(TorchFile(path));
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
  fs::remove(path);
}

}  // namespace
}  // namespace specula
