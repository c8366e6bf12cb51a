// The table of products that doctor prints, and when it advises another implementation.
#include "experiments/doctor_products.h"

#include <gmock/gmock.h>

#include "framework/decode/decode.h"

namespace specula {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

LinearTiming timing(const std::string& implementation, std::vector<double> to_used) {
  return {.implementation = implementation, .weight_bytes = 1, .seconds = {1, 1, 1}, .to_used = std::move(to_used)};
}

TEST(DoctorProducts, AdvisesWhatIsMuchFasterWithAFewRows) {
  const LinearTiming used = timing("AVX512-BF16", {1, 1, 1});
  EXPECT_EQ(advise(Dtype::kBfloat16, {used}), "");
  EXPECT_EQ(advise(Dtype::kBfloat16, {used, timing("AVX3", {.9, .86, 1})}), "") << "within the noise";
  EXPECT_EQ(advise(Dtype::kBfloat16, {used, timing("oneDNN", {1.2, 1.1, .5})}), "") << "decoding has few rows";
  EXPECT_THAT(
      advise(Dtype::kBfloat16, {used, timing("AVX3", {.8, 1, 1})}),
      AllOf(HasSubstr("bf16: with 1 row a product of AVX3 takes 80 % of the time of AVX512-BF16, which is in use"),
            HasSubstr("SPECULA_ISA")));
  EXPECT_THAT(advise(Dtype::kBfloat16, {used, timing("AVX3", {.8, 1, 1}), timing("oneDNN", {1, .6, 1})}),
              AllOf(HasSubstr("with 5 rows a product of oneDNN takes 60 %"), HasSubstr("--device aten")));
}

TEST(DoctorProducts, HasALineForEachImplementationOfEachDtype) {
  const InferenceScope inference;
  const ProductTable table = tabulate_products({.inputs = 96, .outputs = 64}, 1 << 16, 3);
  size_t implementations = 0;
  for (const std::string& name : dtype_names()) implementations += linear_implementations(parse_dtype(name, "")).size();
  ASSERT_EQ(table.lines.size(), 2 + implementations);
  EXPECT_THAT(table.lines[0], HasSubstr("96x64 layer"));
  for (const std::string& line : table.lines) EXPECT_LE(line.size(), 120u);
  size_t in_use = 0;
  for (const std::string& line : table.lines) in_use += line.find("(in use)") != std::string::npos ? 1 : 0;
  EXPECT_EQ(in_use, dtype_names().size());
  EXPECT_LE(table.advice.size(), dtype_names().size());
}

}  // namespace
}  // namespace specula
