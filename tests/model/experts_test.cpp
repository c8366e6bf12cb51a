// Feed-forward blocks with experts: which ones a row uses, and that it gets the same bits alone and among others.
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "framework/model/engine/routing.h"
#include "framework/model/random_model.h"
#include "tests/model/architectures.h"
#include "tests/model/support.h"

namespace specula::test {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;

std::vector<size_t> experts_of(const Routing& routing) {
  std::vector<size_t> experts;
  for (const Routing::Group& group : routing.groups) experts.push_back(group.expert);
  return experts;
}

TEST(Routing, RowsAreGroupedByExpert) {
  Routing routing;
  const std::vector<float> router = {0, 3, 1, 2, -1,  // 1 and 3
                                     5, 0, 0, 4, -1,  // 0 and 3
                                     0, 0, 9, 8, -1};
  routing.choose({.count = 4, .top = 2, .renormalised = true}, router.data(), 5, 3);
  EXPECT_THAT(experts_of(routing), ElementsAre(0U, 1U, 2U, 3U));
  EXPECT_THAT(routing.row, ElementsAre(1, 0, 2, 0, 1, 2));
  EXPECT_EQ(routing.groups.back().first, 3);
  EXPECT_EQ(routing.groups.back().count, 3);
  const float large = 1 / (1 + std::exp(-1.0f)), small = 1 - large;  // of two outputs that differ by one
  EXPECT_THAT(routing.weight, ElementsAre(FloatNear(large, 1e-6f), FloatNear(large, 1e-6f), FloatNear(large, 1e-6f),
                                          FloatNear(small, 1e-6f), FloatNear(small, 1e-6f), FloatNear(small, 1e-6f)));
  EXPECT_THAT(routing.shared, ElementsAre(1, 1, 1));
}

TEST(Routing, OfEqualOutputsTheLowerNumbersAreTaken) {
  Routing routing;
  const std::vector<float> router = {2, 2, 7, 2, 2, 0};
  routing.choose({.count = 5, .top = 3, .shared_intermediate = 1, .shared_gate = true}, router.data(), 6, 1);
  EXPECT_THAT(experts_of(routing), ElementsAre(0U, 1U, 2U));
  const float total = 1 + 4 * std::exp(-5.0f);
  EXPECT_NEAR(routing.weight[2], 1 / total, 1e-6f);
  EXPECT_NEAR(routing.weight[0], std::exp(-5.0f) / total, 1e-6f);
  EXPECT_THAT(routing.shared, ElementsAre(0.5f));
}

TEST(Routing, ANaNIsNotLost) {
  Routing routing;
  const std::vector<float> router = {1, 2, std::numeric_limits<float>::quiet_NaN(), 3};
  routing.choose({.count = 4, .top = 1}, router.data(), 4, 1);
  EXPECT_THAT(experts_of(routing), ElementsAre(2U));
  EXPECT_TRUE(std::isnan(routing.weight[0]));
}

// Forty rows in one pass, each of them alone, and in pairs with a row that takes other experts.
TEST(Experts, ARowKeepsItsBits) {
  for (const char* name : {"mixtral", "qwen2_moe", "qwen3_moe"}) {
    const TemporaryFolder folder;
    write_random_model(folder.path(), fixture_config(name), 3, Dtype::kFloat32);
    for (const std::string& format : dtype_names()) {
      const auto model = load_model(folder.path(), {.dtype = parse_dtype(format, "test")});
      Dice dice(8);
      const std::vector<int64_t> text = random_tokens(dice, 40, model->vocab());
      const Pass whole = run(*model, *model->new_cache(1, 0), chain(text));
      const auto alone = model->new_cache(1, 0), pairs = model->new_cache(1, 0);
      for (int row = 0; row < 40; ++row) {
        const int64_t token = text[static_cast<size_t>(row)];
        const std::vector<float> wanted = logits_of(whole, 0, row);
        ASSERT_EQ(logits_of(run(*model, *alone, chain({token})), 0, 0), wanted)
            << name << " " << format << " row " << row;
        const Line pair{{(token + 1) % model->vocab(), token}, {-1, -1}};
        ASSERT_EQ(logits_of(run(*model, *pairs, pair), 0, 1), wanted) << name << " " << format << " row " << row;
        alone->commit(0, std::vector<int>{0});
        pairs->commit(0, std::vector<int>{1});
      }
    }
  }
}

// What a pass over one row reads: of each layer's experts as many as the row uses, of everything else all.
TEST(Experts, OneRowReadsAsManyAsItUses) {
  const TemporaryFolder few, many;
  const std::string config = fixture_config("mixtral");
  const auto with = [&](int count) {
    std::string json = config;
    const size_t at = json.find("\"num_local_experts\"");
    return json.replace(at, json.find(',', at) - at, cat("\"num_local_experts\": ", count));
  };
  write_random_model(few.path(), with(2), 3, Dtype::kFloat32);
  write_random_model(many.path(), with(20), 3, Dtype::kFloat32);
  const int64_t all = load_model(few.path(), {})->weight_bytes(), part = load_model(many.path(), {})->weight_bytes();
  EXPECT_GE(part, all);
  EXPECT_LE(part - all, 3 * 32 * 16 * 4) << "only the routers are larger";
}

}  // namespace
}  // namespace specula::test
