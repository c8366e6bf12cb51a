#include "samplers/dry.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "framework/decode/logit_rows.h"
#include "framework/text/tokenizer.h"

namespace specula {
namespace {

struct Options {
  double multiplier = 0.8, base = 1.75;
  int64_t allowed_length = 2, last_n = 0;
  std::vector<std::string> breakers = {"\n", ":", "\"", "*"};
  std::vector<double> breaker_tokens;
  template <class V>
  void visit(V& v) {
    v("multiplier", multiplier, 0.0, 1000.0, "what is subtracted for a repetition of the allowed length; 0 is nothing");
    v("base", base, 1.0, 100.0, "by what it grows with each further token");
    v("allowed_length", allowed_length, 1, kMaxInteger, "repetitions that are not longer are let be", "tokens");
    v("last_n", last_n, 0, kMaxInteger, "how far back is looked; 0 takes the whole text", "tokens");
    v("breakers", breakers, "texts; no repetition reaches across a token that holds one");
    v("breaker_tokens", breaker_tokens, 0, 2147483647, "ids of further such tokens");
  }
};

// For each i, how long the longest common end of text[0..i] and the whole text is: the Z function from behind (Gusfield
// 1997), so that a long repetition costs no more than a short one.
std::vector<size_t> common_ends(const std::vector<Token>& text) {
  const size_t n = text.size();
  const auto behind = [&](size_t i) { return text[n - 1 - i]; };
  std::vector<size_t> length(n);
  for (size_t i = 1, left = 0, right = 0; i < n; ++i) {
    size_t same = i < right ? std::min(right - i, length[n - 1 - (i - left)]) : 0;
    while (i + same < n && behind(same) == behind(i + same)) ++same;
    length[n - 1 - i] = same;
    if (i + same > right) {
      left = i;
      right = i + same;
    }
  }
  return length;
}

class Dry final : public LogitsProcessor {
 public:
  Dry(const Options& options, const Parts& parts) : options_(options) {
    for (const double id : options.breaker_tokens) breakers_.insert(static_cast<Token>(id));
    if (options.breakers.empty()) return;
    if (!parts.tokenizer) throw ConfigError("dry: breakers need the target's tokenizer; give breakers = []");
    const Tokenizer& tokenizer = parts.tokenizer("");
    for (Token id = 0; id < tokenizer.vocab(); ++id) {
      const std::string text = tokenizer.piece_bytes(id);
      const auto holds = [&](const std::string& breaker) { return text.find(breaker) != std::string::npos; };
      if (std::any_of(options.breakers.begin(), options.breakers.end(), holds)) breakers_.insert(id);
    }
  }

  void apply(Tensor& logits, const RowContext& context) const override {
    each_row(logits, [&](float* x, int64_t /*vocab*/, size_t j) {
      std::vector<Token> text = text_of(context, j).whole();
      const auto window = static_cast<size_t>(options_.last_n);
      if (window > 0 && text.size() > window) text.erase(text.begin(), text.end() - static_cast<ptrdiff_t>(window));
      for (const auto& [token, length] : repeated(text)) x[token] -= penalty(length);
    });
  }

 private:
  // The tokens that would make a repetition longer, and how long it is without them.
  std::map<Token, size_t> repeated(const std::vector<Token>& text) const {
    std::map<Token, size_t> longest;
    const auto since = std::find_if(text.rbegin(), text.rend(), [&](Token t) { return breakers_.contains(t); });
    const auto limit = static_cast<size_t>(since - text.rbegin());
    const auto allowed = static_cast<size_t>(options_.allowed_length);
    if (limit < allowed || text.size() <= allowed) return longest;
    const std::vector<size_t> ends = common_ends(text);
    for (size_t i = 0; i + 1 < text.size(); ++i) {
      const size_t length = std::min(ends[i], limit);
      if (length < allowed || breakers_.contains(text[i + 1])) continue;
      size_t& best = longest[text[i + 1]];
      best = std::max(best, length);
    }
    return longest;
  }

  float penalty(size_t length) const {
    constexpr double kMostLog = 88.7228391;  // of a float, as in llama.cpp
    double exponent = static_cast<double>(length) - static_cast<double>(options_.allowed_length);
    if (options_.base > 1.000001) exponent = std::min(exponent, std::floor(kMostLog / std::log(options_.base)));
    return static_cast<float>(options_.multiplier * std::pow(options_.base, exponent));
  }

  Options options_;
  std::set<Token> breakers_;
};

}  // namespace

Registry<LogitsProcessor>::Entry dry() {
  return sampler_entry<Dry, Options>(
      "dry", "Lowers the logits of tokens that would make a repetition of the row's own path longer.", "p-e-w 2024",
      "llama.cpp", [](const Options& options) {
        for (const double id : options.breaker_tokens) {
          if (id != std::floor(id)) throw ConfigError(cat("dry: breaker_tokens holds ", id, "; expected integers"));
        }
        return Facts{.neutral = options.multiplier == 0, .reads = Reads::kText};
      });
}

}  // namespace specula
