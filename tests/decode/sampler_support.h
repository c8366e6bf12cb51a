// What tests of samplers share: rows of logits, policies over rows of a tree, and every registered sampler as a call
// that does something on toy models.
#pragma once

#include <string>
#include <vector>

#include "framework/decode/sampler.h"
#include "tests/decode/composition.h"
#include "tests/decode/toy_tokenizer.h"

namespace specula::testing {

using LogitRow = std::vector<float>;  // [V]

LogitRow random_row(int64_t vocab, uint64_t seed, double spread = 3);
Tensor matrix(const std::vector<LogitRow>& rows);
std::vector<LogitRow> rows_of(const Tensor& matrix);

// Rows 0.. of a tree after a text.
struct RowScene {
  Prefix prefix{0};
  DraftTree tree = DraftTree::root_only(0);
  int64_t prompt = 0;  // tokens in front of the prefix that were given
  std::vector<Token> stop{};
  uint64_t seed = 0;
  int64_t request = 42;
};
std::vector<LogitRow> policed(const Sampler& sampler, const std::vector<LogitRow>& logits, const RowScene& scene);
std::vector<LogitRow> policed(const std::string& policy, const std::vector<LogitRow>& logits, const RowScene& scene);
LogitRow policed(const std::string& policy, const LogitRow& logits);

// A sampler that does something to a vocabulary of seven tokens, of which the first three can stand alone.
struct SamplerCase {
  std::string name, call;
  std::vector<Token> stop{};          // of its sessions
  std::vector<std::string> pieces{};  // the texts of its tokens; empty: a, b, c, ...
  std::unique_ptr<Tokenizer> tokenizer(int64_t vocab) const;
};
std::vector<SamplerCase> every_sampler();
void PrintTo(const SamplerCase& sampler, std::ostream* out);

Sampler sampler_of(const SamplerCase& sampler, const Tokenizer& tokenizer);

}  // namespace specula::testing
