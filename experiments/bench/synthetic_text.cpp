#include "experiments/bench/synthetic_text.h"

#include <algorithm>
#include <cmath>

#include "framework/core/keyring.h"

namespace specula {
namespace {

constexpr double kCopies = 1.0 / 24;  // a token begins a copy; copies have 24 tokens on average
constexpr int64_t kShortest = 8, kLongest = 40;

}  // namespace

std::vector<Token> synthetic_text(const SyntheticText& how, int64_t tokens, uint64_t seed) {
  const Keyring keys(seed);
  std::vector<Token> text;
  text.reserve(static_cast<size_t>(tokens));
  int64_t draws = 0;
  const auto uniform = [&] { return keys.uniform(Use::kSearch, 0, draws++, 0); };
  const auto below = [&](int64_t bound) { return static_cast<int64_t>(uniform() * static_cast<double>(bound)); };
  const double log_vocab = std::log(static_cast<double>(how.vocab));
  while (static_cast<int64_t>(text.size()) < tokens) {
    if (!text.empty() && uniform() < kCopies) {
      const bool other = !how.source.empty() && uniform() < .5;
      const auto size = static_cast<int64_t>(other ? how.source.size() : text.size());
      const int64_t from = below(size);
      const int64_t end = std::min(size, from + kShortest + below(kLongest - kShortest + 1));
      for (int64_t i = from; i < end; ++i) {
        const Token token = other ? how.source[static_cast<size_t>(i)] : text[static_cast<size_t>(i)];
        text.push_back(token);
      }
    } else {
      text.push_back(static_cast<Token>(std::exp(uniform() * log_vocab)) - 1);  // density 1/x
    }
  }
  text.resize(static_cast<size_t>(tokens));
  return text;
}

}  // namespace specula
