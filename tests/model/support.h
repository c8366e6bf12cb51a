// What the model tests share: temporary folders, small random models, and trees, written down as token and parent
// lists. Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "framework/model/architecture/decoder_config.h"
#include "framework/model/language_model.h"
#include "framework/model/load.h"

namespace specula::test {

// A folder that is removed at the end of the test.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::filesystem::path source_folder();

// Small and awkward: odd vocabulary, three query heads per key head, a head size that is not hidden / heads, biases.
DecoderConfig odd_config();
DecoderConfig plain_config();  // multi-head, tied

// Repeatable numbers for test inputs.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed * 2654435761u + 1) {}
  int below(int bound);  // 0 <= result < bound

 private:
  uint64_t state_;
};

// The rows of one sequence in one pass.
struct Line {
  std::vector<int64_t> token, parent;
  size_t size() const { return token.size(); }
};
Line chain(const std::vector<int64_t>& tokens, int first_slot = 0);  // the first row hangs under slot first_slot - 1
Line random_tree(Dice& dice, int rows, int64_t vocab);
Rows to_rows(const std::vector<Line>& lines);  // ragged: padded at the ends
Pass run(const LanguageModel& model, KvCache& cache, const Line& line, const Ask& ask = {});

std::vector<int64_t> random_tokens(Dice& dice, int count, int64_t vocab);
std::vector<int> path_to(const Line& line, int row);  // slots from a root down to `row`
std::vector<float> values(const Tensor& tensor);      // any shape, float32
std::vector<float> logits_of(const Pass& pass, int b, int row);
float largest_difference(const std::vector<float>& a, const std::vector<float>& b);
float range_of(const std::vector<float>& values);  // largest minus smallest

}  // namespace specula::test
