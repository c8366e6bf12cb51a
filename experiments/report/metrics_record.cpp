#include "experiments/report/metrics_record.h"

#include <numeric>

#include "experiments/report/text_metrics.h"

namespace specula {
namespace {

using Maybe = std::optional<Fraction>;

template <class T>
double sum(const std::vector<T>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}
double count(const std::vector<int>& values) { return static_cast<double>(values.size()); }
double tokens(const Record& r) { return static_cast<double>(r.n_out()); }

Maybe e2e_tok_s(const Record& r) { return Fraction{tokens(r), r.e2e_us * 1e-6}; }
Maybe decode_tok_s(const Record& r) { return Fraction{tokens(r), r.decode_us() * 1e-6}; }
Maybe tpot_ms(const Record& r) { return Fraction{(r.latency_us() - r.prefill_us * r.batch) * 1e-3, tokens(r)}; }
Maybe e2e_ms(const Record& r) {
  if (r.replayed) return std::nullopt;
  return Fraction{r.latency_us() * 1e-3, 1};
}
Maybe n_in_tok(const Record& r) { return Fraction{static_cast<double>(r.n_in), 1}; }
Maybe n_out_tok(const Record& r) {
  if (r.replayed) return std::nullopt;
  return Fraction{tokens(r), 1};
}

Maybe ttft_ms(const Record& r) {
  if (r.rounds.ready_us.empty()) return std::nullopt;
  return Fraction{r.ttft_us() * 1e-3, 1};
}

Maybe step_ms(const Record& r) {
  if (r.rounds.ready_us.size() < 2) return std::nullopt;
  return Fraction{(r.rounds.ready_us.back() - r.rounds.ready_us.front()) * 1e-3, count(r.rounds.kept) - 1};
}

Maybe tau(const Record& r) { return Fraction{sum(r.rounds.kept), count(r.rounds.kept)}; }

Maybe tau_prompt_mean(const Record& r) {
  if (r.rounds.size() == 0) return std::nullopt;
  return Fraction{sum(r.rounds.kept) / count(r.rounds.kept), 1};
}

Maybe alpha(const Record& r) {
  if (r.rounds.is_tree()) return std::nullopt;
  Fraction f;
  for (size_t i = 0; i < r.rounds.size(); ++i) {
    if (static_cast<int>(i) == r.rounds.cut) continue;  // an unseen rejection may have been cut away
    f.numerator += r.rounds.accepted[i];
    f.denominator += r.rounds.accepted[i] + (r.rounds.accepted[i] < r.rounds.drafted[i] ? 1 : 0);
  }
  return f;
}

Maybe accepted_per_step(const Record& r) { return Fraction{sum(r.rounds.accepted), count(r.rounds.accepted)}; }

Maybe expected_accepted(const Record& r) {
  if (r.rounds.expected.empty()) return std::nullopt;
  return Fraction{sum(r.rounds.expected), static_cast<double>(r.rounds.expected.size())};
}

Maybe rule_us(const Record& r) {
  if (r.rounds.rule_us.empty()) return std::nullopt;
  return Fraction{sum(r.rounds.rule_us), static_cast<double>(r.rounds.rule_us.size())};
}

Maybe drafted_per_step(const Record& r) { return Fraction{sum(r.rounds.drafted), count(r.rounds.drafted)}; }

Maybe draft_accept_frac(const Record& r) {
  if (r.rounds.is_tree()) return std::nullopt;
  return Fraction{sum(r.rounds.accepted), sum(r.rounds.drafted)};
}

Maybe util_frac(const Record& r) {
  return Fraction{sum(r.rounds.kept), sum(r.rounds.drafted) + count(r.rounds.drafted)};
}

Maybe exact_frac(const Record& r) {
  if (!r.exact) return std::nullopt;
  return Fraction{*r.exact ? 1.0 : 0.0, 1};
}

Maybe first_div_tok(const Record& r) {
  if (!r.first_difference) return std::nullopt;
  return Fraction{static_cast<double>(*r.first_difference), 1};
}

Maybe div_margin_nats(const Record& r) {
  if (!r.margin_nats) return std::nullopt;
  return Fraction{*r.margin_nats, 1};
}

Maybe nll_nats(const Record& r) {
  if (!r.nll) return std::nullopt;
  return Fraction{r.nll->sum_nats, static_cast<double>(r.nll->tokens)};
}

}  // namespace

const std::vector<RecordMetric>& record_metrics() {
  static const std::vector<RecordMetric> kMetrics = {{"e2e_tok_s", e2e_tok_s},
                                                     {"decode_tok_s", decode_tok_s},
                                                     {"ttft_ms", ttft_ms},
                                                     {"tpot_ms", tpot_ms},
                                                     {"e2e_ms", e2e_ms},
                                                     {"step_ms", step_ms},
                                                     {"tau", tau},
                                                     {"tau_prompt_mean", tau_prompt_mean},
                                                     {"alpha", alpha},
                                                     {"accepted_per_step", accepted_per_step},
                                                     {"expected_accepted", expected_accepted},
                                                     {"rule_us", rule_us},
                                                     {"drafted_per_step", drafted_per_step},
                                                     {"draft_accept_frac", draft_accept_frac},
                                                     {"util_frac", util_frac},
                                                     {"exact_frac", exact_frac},
                                                     {"first_div_tok", first_div_tok},
                                                     {"div_margin_nats", div_margin_nats},
                                                     {"n_in_tok", n_in_tok},
                                                     {"n_out_tok", n_out_tok},
                                                     {"repetition_frac", repeated_ngrams},
                                                     {"nll_nats", nll_nats}};
  return kMetrics;
}

const RecordMetric* find_record_metric(const std::string& name) {
  for (const RecordMetric& metric : record_metrics()) {
    if (metric.name == name) return &metric;
  }
  return nullptr;
}

}  // namespace specula
