// L3: whole texts of the arm beside texts of the drafter `none` under other keys.  If both follow one law, labels can
// be exchanged within a prompt: a permutation test (Pitman 1937) of the mean negative log-likelihood under the target
// and of the length, Holm's correction over arms and statistics.
#include <algorithm>
#include <cmath>

#include "experiments/report/statistics.h"
#include "experiments/verify/ladder.h"
#include "framework/decode/quality.h"

namespace specula {
namespace {

constexpr uint32_t kArmStream = 0x4c3361, kPlainStream = 0x4c3370, kShuffleStream = 0x4c3373;  // "L3a", "L3p", "L3s"

// Of one prompt: a value for each text, those of the arm first, then as many of the baseline.
using Values = std::vector<double>;

double difference(const Values& values) {  // of the means
  const auto half = static_cast<std::ptrdiff_t>(values.size() / 2);
  double sum = 0;
  for (std::ptrdiff_t i = 0; i < half; ++i)
    sum += values[static_cast<size_t>(i)] - values[static_cast<size_t>(half + i)];
  return sum / static_cast<double>(half);
}

double mean_difference(const std::vector<Values>& prompts) {
  double sum = 0;
  for (const Values& values : prompts) sum += difference(values);
  return sum / static_cast<double>(prompts.size());
}

// Two-sided, the observed labels among the permutations (Phipson & Smyth 2010), so that it is never 0.
double permutation_test(std::vector<Values> prompts, const Keyring& keys) {
  const double observed = std::abs(mean_difference(prompts));
  int as_far = 1;
  for (int i = 0; i < kPermutations; ++i) {
    for (size_t g = 0; g < prompts.size(); ++g) {
      Values& values = prompts[g];
      const size_t half = values.size() / 2;
      for (size_t j = 0; j < half; ++j) {  // Fisher and Yates, as far as it decides the label
        const double u = keys.uniform(Use::kSearch, static_cast<int64_t>(g), i, static_cast<uint32_t>(j));
        std::swap(values[j], values[j + static_cast<size_t>(u * static_cast<double>(values.size() - j))]);
      }
    }
    as_far += std::abs(mean_difference(prompts)) >= observed * (1 - 1e-12) ? 1 : 0;
  }
  return static_cast<double>(as_far) / (kPermutations + 1);
}

struct Texts {
  std::vector<Values> nll, length;  // by prompt
  int64_t n = 0;
};

class Sampled {
 public:
  Sampled(const Workbench& bench, const ArmConfig& arm)
      : bench_(bench),
        target_(*bench.models.at(arm.target)),
        arm_(
            bench, arm, target_,
            [&](const std::string& name) -> const LanguageModel& { return *bench.models.at(name); },
            bench.config.samplers),
        plain_(Player::without_draft(bench, arm, target_, bench.config.samplers)) {}

  Texts draw() const {
    Texts texts;
    const Keyring keys(bench_.config.seed);
    for (size_t i = 0; i < bench_.prompts.size() && static_cast<int>(texts.nll.size()) < bench_.options.text_prompts;
         ++i) {
      const Prefix& prompt = bench_.prompts[i];
      if (static_cast<int64_t>(prompt.size()) + bench_.options.text_tokens > target_.context()) continue;
      texts.nll.emplace_back();
      texts.length.emplace_back();
      add(arm_, prompt, static_cast<int64_t>(i), keys.fork(kArmStream), texts);
      add(plain_, prompt, static_cast<int64_t>(i), keys.fork(kPlainStream), texts);
      texts.n += bench_.options.text_samples;
    }
    return texts;
  }

 private:
  void add(const Player& player, const Prefix& prompt, int64_t which, const Keyring& keys, Texts& texts) const {
    const int samples = bench_.options.text_samples;
    Session session = player.session(bench_.options.text_tokens, keys);
    session.stop = bench_.stop;
    std::vector<int64_t> requests;
    for (int i = 0; i < samples; ++i) requests.push_back(which * samples + i);
    for (const Decoded& text : decode(session, std::vector<Prefix>(static_cast<size_t>(samples), prompt), requests)) {
      const size_t length = text.tokens.size() - prompt.size();
      const double nll = negative_log_likelihood(target_, text.tokens, prompt.size());
      texts.nll.back().push_back(nll / static_cast<double>(std::max<size_t>(length, 1)));
      texts.length.back().push_back(static_cast<double>(length));
    }
  }

  const Workbench& bench_;
  const LoadedModel& target_;
  const Player arm_, plain_;
};

// Fills everything but the verdict; the two chances are adjusted later.
RungResult sample(const Workbench& bench, const ArmConfig& arm, std::vector<double>& chances) {
  RungResult result{.rung = "L3"};
  if (arm.composed.one_hot) {
    result.what = "every row has one token, L0 tests them";
    return result;
  }
  const double start = seconds_now();
  const Texts texts = Sampled(bench, arm).draw();
  result.n = texts.n;
  if (texts.n == 0) {
    result.what = "no prompt fits into the target's context";
    return result;
  }
  const Keyring keys = Keyring(bench.config.seed).fork(kShuffleStream);
  const double nll = permutation_test(texts.nll, keys), length = permutation_test(texts.length, keys);
  const double nll_difference = mean_difference(texts.nll), length_difference = mean_difference(texts.length);
  chances.push_back(nll);
  chances.push_back(length);
  result.verdict = is_lossless(arm) ? "holds" : "measured";
  result.what =
      cat("NLL ", formatted("%+.3f", nll_difference), " nats a token, length ", formatted("%+.3f", length_difference));
  result.numbers = {{"nll_difference_nats", nll_difference},
                    {"perplexity_ratio", std::exp(nll_difference)},
                    {"length_difference", length_difference},
                    {"nll_p", nll},
                    {"length_p", length},
                    {"level", kTextLevel},
                    {"permutations", kPermutations}};
  result.seconds = seconds_now() - start;
  return result;
}

}  // namespace

std::vector<RungResult> text_rungs(const Workbench& bench) {
  std::vector<RungResult> results;
  std::vector<double> chances;  // two of each arm that must follow p
  std::vector<size_t> tested;
  for (const ArmConfig& arm : bench.config.arms) {
    std::vector<double> own;
    results.push_back(sample(bench, arm, own));
    if (own.empty() || !is_lossless(arm)) continue;
    tested.push_back(results.size() - 1);
    chances.insert(chances.end(), own.begin(), own.end());
  }
  const std::vector<double> adjusted = holm(chances);
  for (size_t i = 0; i < tested.size(); ++i) {
    RungResult& result = results[tested[i]];
    const double chance = std::min(adjusted[2 * i], adjusted[2 * i + 1]);
    result.numbers.emplace_back("p_holm", chance);
    result.what = cat("p = ", formatted("%.2g", chance), "; ", result.what);
    if (chance < kTextLevel) result.verdict = "violated";
  }
  return results;
}

}  // namespace specula
