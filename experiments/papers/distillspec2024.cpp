// Zhou et al. 2024, "DistillSpec: Improving Speculative Decoding via Knowledge Distillation".  Licence: Apache-2.0.
#include <ATen/TensorOperators.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "experiments/papers/paper.h"
#include "framework/train/adamw.h"
#include "framework/train/divergence.h"

namespace specula {
namespace {

constexpr int64_t kVocab = 5;
constexpr uint64_t kTexts = 4;  // that a draft too small for them takes for one

Row row_of(const Tensor& law) {
  const Tensor flat = law.detach().to(at::kDouble).contiguous().flatten();
  return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

// The mean acceptance over the texts by the rule itself.
double acceptance(const Verifier& rule, const std::vector<Row>& p, const Row& q) {
  double sum = 0;
  for (const Row& one : p) sum += mean_accepted(rule, drafts_of(one, q, chain_of(1, Draw::kIid)));
  return sum / static_cast<double>(p.size());
}

double loss_of(Divergence loss, const std::vector<Row>& p, const Row& q) {
  const std::vector<Row> same(p.size(), q);
  return divergence(loss, tensor_of(p).log(), tensor_of(same).log(), .5).item<double>();
}

// The one law for all texts that AdamW finds for a loss, from the uniform one.
Row learned(Divergence loss, const std::vector<Row>& p) {
  const Tensor log_p = tensor_of(p).log();
  const Tensor logits = at::zeros({kVocab}).requires_grad_();
  AdamW optimizer({{"logits", logits}}, {});
  constexpr int64_t kSteps = 400;
  for (int64_t step = 1; step <= kSteps; ++step) {
    optimizer.forget_gradients();
    divergence(loss, log_p, at::log_softmax(logits, -1).expand_as(log_p), .5).backward();
    optimizer.step(.05 * (1 - double(step - 1) / kSteps), step);
  }
  return row_of(at::log_softmax(logits, -1).exp());
}

std::vector<Row> texts(uint64_t seed) {
  std::vector<Row> p;
  for (uint64_t text = 0; text < kTexts; ++text) p.push_back(random_law(kTexts * seed + text, kVocab));
  return p;
}

PaperChecks on_toys(const Registries& registries) {
  const auto rule = rule_of(registries, "rejection");
  double apart = 0, above_bound = 1;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const std::vector<Row> p = {random_law(seed, kVocab)};
    const Row q = random_law(seed + 500, kVocab);
    const double accepted = acceptance(*rule, p, q);
    apart = std::max(apart, std::abs(accepted - (1 - loss_of(Divergence::kTvd, p, q))));
    above_bound = std::min(above_bound, accepted - (1 - std::sqrt(loss_of(Divergence::kForwardKl, p, q) / 2)));
  }
  PaperChecks checks{
      equals({"acceptance less 1 - tvd of the loss", "corollary 3.6 of Leviathan et al. 2023"}, apart, 0, 5e-6),
      at_least({"acceptance above what KL(p, q) warrants", "Pinsker's inequality"}, above_bound, -1e-6)};

  constexpr uint64_t kToys = 6;
  std::vector<double> by_tvd;
  for (uint64_t seed = 0; seed < kToys; ++seed)
    by_tvd.push_back(acceptance(*rule, texts(seed), learned(Divergence::kTvd, texts(seed))));
  double least_of_tvd = 1;
  for (const Divergence loss : {Divergence::kForwardKl, Divergence::kReverseKl, Divergence::kJsd, Divergence::kTvd}) {
    double gain = 0;
    for (uint64_t seed = 0; seed < kToys; ++seed) {
      const std::vector<Row> p = texts(seed);
      const double accepted = loss == Divergence::kTvd ? by_tvd[seed] : acceptance(*rule, p, learned(loss, p));
      gain += (accepted - acceptance(*rule, p, Row(kVocab, 1.0 / kVocab))) / kToys;
      least_of_tvd = std::min(least_of_tvd, by_tvd[seed] - accepted);
    }
    checks.push_back(at_least({cat("acceptance that a draft gains by learning, ", divergence_names()[size_t(loss)]),
                               "every divergence helps"},
                              gain, .02));
  }
  checks.push_back(
      at_least({"acceptance after tvd above that after any other loss, at least", "tvd is what decoding asks for"},
               least_of_tvd, -5e-3));
  return checks;
}

PaperChecks on_runs(const PaperRuns& runs) {
  PaperChecks checks;
  for (const char* arm : {"sps-2", "sps-4"})
    checks.push_back(not_binding(
        equals({cat("tokens a round, counted over expected by 1 - tvd: ", arm), "acceptance is 1 - tvd"},
               runs.value("sampled", arm, "tau") / (1 + runs.value("sampled", arm, "expected_accepted")), 1, .1)));
  checks.push_back(at_least(
      {"tokens a round, 4 drafted over 2", "acceptance is 1 - tvd"},
      runs.value("sampled", "sps-4", "expected_accepted") / runs.value("sampled", "sps-2", "expected_accepted"), 1));
  return checks;
}

}  // namespace

Paper distillspec2024() {
  return {.name = "distillspec2024",
          .reference = "Zhou et al. 2024, arXiv 2310.08461",
          .claim = "A draft that is distilled from its target on the divergence that decoding sees accepts more.",
          .on_toys = on_toys,
          .on_runs = on_runs};
}

}  // namespace specula
