#include "tests/model/support.h"

#include <ATen/ops/full.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>

namespace specula::test {

namespace fs = std::filesystem;

TemporaryFolder::TemporaryFolder() {
  static std::atomic<int> count{0};
  path_ = fs::temp_directory_path() / cat("specula-model-tests-", ::getpid(), "-", ++count);
  fs::create_directories(path_);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

fs::path source_folder() { return SPECULA_SOURCE_DIR; }

DecoderConfig odd_config() {
  DecoderConfig config;
  config.vocab = 131;
  config.hidden = 54;
  config.intermediate = 77;
  config.layers = 3;
  config.heads = 6;
  config.kv_heads = 2;
  config.head_dim = 10;
  config.context = 256;
  config.norm_eps = 1e-5;
  config.qkv_bias = config.output_bias = config.mlp_bias = true;
  return config;
}

DecoderConfig plain_config() {
  DecoderConfig config;
  config.vocab = 96;
  config.hidden = 64;
  config.intermediate = 160;
  config.layers = 2;
  config.heads = config.kv_heads = 4;
  config.head_dim = 16;
  config.context = 256;
  config.tied = true;
  return config;
}

int Dice::below(int bound) {
  state_ = state_ * 6364136223846793005u + 1442695040888963407u;
  return static_cast<int>((state_ >> 33) % static_cast<uint64_t>(bound));
}

Line chain(const std::vector<int64_t>& tokens, int first_slot) {
  Line line;
  for (const int64_t token : tokens) {
    line.parent.push_back(first_slot + static_cast<int>(line.size()) - 1);
    line.token.push_back(token);
  }
  return line;
}

Line random_tree(Dice& dice, int rows, int64_t vocab) {
  Line line;
  for (int row = 0; row < rows; ++row) {
    line.parent.push_back(row == 0 ? -1 : dice.below(row));
    line.token.push_back(dice.below(static_cast<int>(vocab)));
  }
  return line;
}

Rows to_rows(const std::vector<Line>& lines) {
  size_t longest = 0;
  for (const Line& line : lines) longest = std::max(longest, line.size());
  const auto batch = static_cast<int64_t>(lines.size()), width = static_cast<int64_t>(longest);
  Rows rows{at::full({batch, width}, -1, at::kLong), at::full({batch, width}, -1, at::kLong)};
  for (size_t b = 0; b < lines.size(); ++b) {
    std::copy(lines[b].token.begin(), lines[b].token.end(), rows.token.mutable_data_ptr<int64_t>() + b * longest);
    std::copy(lines[b].parent.begin(), lines[b].parent.end(), rows.parent.mutable_data_ptr<int64_t>() + b * longest);
  }
  return rows;
}

Pass run(const LanguageModel& model, KvCache& cache, const Line& line, const Ask& ask) {
  return model.forward(to_rows({line}), cache, ask);
}

std::vector<int64_t> random_tokens(Dice& dice, int count, int64_t vocab) {
  std::vector<int64_t> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back(dice.below(static_cast<int>(vocab)));
  return tokens;
}

std::vector<int> path_to(const Line& line, int row) {
  std::vector<int> path;
  for (; row >= 0; row = static_cast<int>(line.parent[static_cast<size_t>(row)])) path.push_back(row);
  std::reverse(path.begin(), path.end());
  return path;
}

std::vector<float> values(const Tensor& tensor) {
  const Tensor flat = tensor.contiguous();
  const float* data = flat.const_data_ptr<float>();
  return {data, data + flat.numel()};
}

std::vector<float> logits_of(const Pass& pass, int b, int row) { return values(pass.logits[b][row]); }

float largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  SPECULA_CHECK(a.size() == b.size(), a.size(), " and ", b.size(), " values");
  float largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const float difference = std::abs(a[i] - b[i]);
    if (!(difference <= largest)) largest = difference;  // a NaN is taken, too
  }
  return largest;
}

float range_of(const std::vector<float>& all) {
  const auto [least, most] = std::minmax_element(all.begin(), all.end());
  return *most - *least;
}

}  // namespace specula::test
