// A model that does not fit is refused with numbers, before anything is allocated; what it needs is estimated well.
#include "framework/model/memory.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "framework/core/error.h"
#include "framework/model/random_model.h"
#include "tests/model/support.h"

namespace specula::test {
namespace {

using ::testing::HasSubstr;

// TinyLlama 1.1B, untied.
ModelInfo billion() { return {.path = "big", .vocab = 32000, .hidden = 2048, .parameters = 1'100'048'384}; }

std::string refusal(const ModelInfo& info, Dtype dtype, int64_t available) {
  try {
    check_memory(info, dtype, available);
  } catch (const Error& e) {
    return e.what();
  }
  return "it fits";
}

TEST(Memory, ARefusalSaysWhatIsNeededWhatThereIsAndWhatWouldFit) {
  const int64_t gb = 1'000'000'000;
  EXPECT_EQ(refusal(billion(), Dtype::kFloat32, 3 * gb),
            "big: needs about 4.4 GB in fp32, 3.0 GB are available; bf16 would need 2.2 GB");
  EXPECT_EQ(refusal(billion(), Dtype::kBfloat16, 2 * gb),
            "big: needs about 2.2 GB in bf16, 2.0 GB are available; int8 would need 1.2 GB");
  EXPECT_EQ(refusal(billion(), Dtype::kBfloat16, gb),
            "big: needs about 2.2 GB in bf16, 1.0 GB are available; int4 would need 779 MB");
  EXPECT_EQ(refusal(billion(), Dtype::kInt8, gb / 2),
            "big: needs about 1.2 GB in int8, 500 MB are available; even int4 would need 779 MB");
  EXPECT_EQ(refusal(billion(), Dtype::kInt4, gb / 2), "big: needs about 779 MB in int4, 500 MB are available");
}

TEST(Memory, TheEdgeFits) {
  const int64_t needed = bytes_to_load(billion(), Dtype::kBfloat16);
  EXPECT_EQ(refusal(billion(), Dtype::kBfloat16, needed), "it fits");
  EXPECT_THAT(refusal(billion(), Dtype::kBfloat16, needed - 1), HasSubstr("needs about 2.2 GB"));
}

TEST(Memory, TheEstimateIsCloseToWhatAPassReads) {
  DecoderConfig config = plain_config();
  config.vocab = 2000;
  config.hidden = 256;
  config.intermediate = 704;
  config.layers = 6;
  config.heads = config.kv_heads = 4;
  config.head_dim = 64;
  for (const bool tied : {false, true}) {
    config.tied = tied;
    const TemporaryFolder folder;
    write_random_llama(folder.path(), config, 3, Dtype::kBfloat16);
    const ModelInfo info = read_model_info(folder.path());
    for (const std::string& name : dtype_names()) {
      const Dtype dtype = parse_dtype(name, "test");
      const auto model = load_model(folder.path(), {.dtype = dtype});
      const bool has_table = !tied || is_quantized(dtype);  // beside the head, and no pass reads it whole
      const int64_t table = has_table ? info.vocab * info.hidden * (dtype == Dtype::kFloat32 ? 4 : 2) : 0;
      const auto held = static_cast<double>(model->weight_bytes() + table);
      EXPECT_NEAR(static_cast<double>(bytes_to_load(info, dtype)) / held, 1, 0.12) << name << (tied ? " tied" : "");
    }
  }
}

// A pass reads a few of them.
TEST(Memory, AllExpertsAreLoaded) {
  const std::string mixtral = R"({"architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "vocab_size": 64,
      "hidden_size": 32, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2,
      "num_key_value_heads": 1, "num_local_experts": 16, "num_experts_per_tok": 2, "max_position_embeddings": 32})";
  const TemporaryFolder folder;
  write_random_model(folder.path(), mixtral, 3, Dtype::kBfloat16);
  const ModelInfo info = read_model_info(folder.path());
  const int64_t experts = 4 * 2 * 16 * 3 * 32 * 96;
  EXPECT_NEAR(static_cast<double>(bytes_to_load(info, Dtype::kFloat32) - experts), 0, 60000);
  EXPECT_LT(load_model(folder.path(), {.dtype = Dtype::kFloat32})->weight_bytes(), experts / 4);
}

TEST(Memory, WhatIsAvailableIsPlausible) {
  const int64_t pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  EXPECT_GT(available_bytes(), 10'000'000);
  EXPECT_LE(available_bytes(), pages * page);
}

// In a child, so that the limit stays there.
TEST(Memory, AnAddressSpaceLimitCounts) {
  const pid_t child = ::fork();
  if (child == 0) {
    int64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const int64_t room = 50'000'000;
    rlimit limit{};
    ::getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = static_cast<rlim_t>(pages * ::sysconf(_SC_PAGESIZE) + room);
    ::setrlimit(RLIMIT_AS, &limit);
    const int64_t available = available_bytes();
    ::_exit(available > room / 2 && available <= room + 1'000'000 ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(Memory, Texts) {
  EXPECT_EQ(bytes_text(0), "0.0 MB");
  EXPECT_EQ(bytes_text(1'500'000), "1.5 MB");
  EXPECT_EQ(bytes_text(22'400'000), "22 MB");
  EXPECT_EQ(bytes_text(13'460'000'000), "13.5 GB");
}

}  // namespace
}  // namespace specula::test
