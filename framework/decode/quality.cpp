#include "framework/decode/quality.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "framework/decode/rows.h"

namespace specula {
namespace {

// max and log of the sum of exponentials: log softmax(x)_i = x_i - highest - log_sum.
struct Normaliser {
  Token argmax = 0;  // the lowest of equals
  double highest = -INFINITY, log_sum = 0;
  double log_probability(float logit) const { return static_cast<double>(logit) - highest - log_sum; }
};

Normaliser normaliser_of(std::span<const float> logits, size_t position) {
  Normaliser n;
  for (size_t i = 0; i < logits.size(); ++i) {
    const double x = logits[i];
    if (std::isnan(x)) throw NumericError(cat("the logits after position ", position, " hold NaN"));
    if (x > n.highest) {
      n.highest = x;
      n.argmax = static_cast<Token>(i);
    }
  }
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x) - n.highest);
  n.log_sum = std::log(sum);
  return n;
}

// KL(p || q) of two rows of logits; what p gives no mass adds nothing.
double divergence(std::span<const float> p, const Normaliser& np, std::span<const float> q, const Normaliser& nq) {
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    const double log_p = np.log_probability(p[i]), mass = std::exp(log_p);
    if (mass > 0) sum += mass * (log_p - nq.log_probability(q[i]));
  }
  return sum;
}

class Comparison {
 public:
  void add(std::span<const float> p, std::span<const float> q, Token token, size_t position) {
    const Normaliser np = normaliser_of(p, position), nq = normaliser_of(q, position);
    const auto at = static_cast<size_t>(token);
    const double reference = -np.log_probability(p[at]), other = -nq.log_probability(q[at]);
    nll_reference_ += reference;
    nll_ += other;
    differences_.push_back(other - reference);
    kl_ += divergence(p, np, q, nq);
    equal_ += np.argmax == nq.argmax ? 1 : 0;
  }

  Quality result() const {
    const auto n = static_cast<double>(differences_.size());
    Quality quality{.tokens = static_cast<int64_t>(differences_.size()),
                    .nll_reference = nll_reference_ / n,
                    .nll = nll_ / n,
                    .nll_difference_se = std::numeric_limits<double>::quiet_NaN(),
                    .kl = std::max(kl_ / n, 0.0),  // rounding may leave -1e-17
                    .argmax_equal = equal_ / n};
    for (const double d : differences_) quality.nll_difference += d / n;
    double squares = 0;
    for (const double d : differences_) squares += (d - quality.nll_difference) * (d - quality.nll_difference);
    if (n > 1) quality.nll_difference_se = std::sqrt(squares / (n - 1) / n);
    return quality;
  }

 private:
  std::vector<double> differences_;
  double nll_reference_ = 0, nll_ = 0, kl_ = 0, equal_ = 0;
};

}  // namespace

double negative_log_likelihood(std::span<const float> logits, Token id, size_t position) {
  return -normaliser_of(logits, position).log_probability(logits[static_cast<size_t>(id)]);
}

TeacherForcing::TeacherForcing(const LanguageModel& model, const Prefix& ids, size_t chunk)
    : model_(model), ids_(ids), chunk_(chunk) {
  SPECULA_CHECK(chunk > 0);
  const auto length = static_cast<int64_t>(ids.size());
  if (length > model.context()) {
    throw Error(cat("a text of ", length, " tokens is longer than the model's context of ", model.context()));
  }
  cache_ = model.new_cache(1, length);
}

bool TeacherForcing::next() {
  first_ += count_;
  if (first_ >= ids_.size()) return false;
  count_ = std::min(chunk_, ids_.size() - first_);
  const Rows rows = make_rows({RowList::chain(std::span(ids_).subspan(first_, count_))});
  logits_ = model_.forward(rows, *cache_, {.logits = Logits::kAll}).logits.to(at::kCPU).contiguous();  // sync
  cache_->commit(0, first_slots(static_cast<int>(count_)));
  return true;
}

std::span<const float> TeacherForcing::row(size_t i) const {
  const auto vocab = static_cast<size_t>(model_.vocab());
  return {logits_.const_data_ptr<float>() + i * vocab, vocab};
}

double negative_log_likelihood(const LanguageModel& model, const Prefix& text, size_t first) {
  if (first == 0) throw Error("the first token of a text has no likelihood: nothing comes before it");
  double sum = 0;
  for (TeacherForcing forced(model, text); forced.next();) {
    for (size_t i = 0; i < forced.count(); ++i) {
      const size_t next = forced.first() + i + 1;
      if (next >= first && next < text.size()) sum += negative_log_likelihood(forced.row(i), text[next], next - 1);
    }
  }
  return sum;
}

Quality compare_quality(const LanguageModel& reference, const LanguageModel& model, const std::vector<Prefix>& texts) {
  SPECULA_CHECK(reference.vocab() == model.vocab(), "vocabularies of ", reference.vocab(), " and ", model.vocab());
  Comparison comparison;
  for (const Prefix& ids : texts) {
    TeacherForcing p(reference, ids), q(model, ids);
    while (p.next() && q.next()) {
      for (size_t i = 0; i < p.count(); ++i) {
        const size_t position = p.first() + i;
        if (position + 1 < ids.size()) comparison.add(p.row(i), q.row(i), ids[position + 1], position);
      }
    }
  }
  const Quality quality = comparison.result();
  if (quality.tokens == 0) throw Error("nothing to compare: a text needs at least two tokens");
  return quality;
}

std::vector<Prefix> windows(const Prefix& ids, int64_t length) {
  SPECULA_CHECK(length > 0, "windows of ", length, " tokens");
  std::vector<Prefix> parts;
  for (auto begin = ids.begin(); begin != ids.end();) {
    const auto end = begin + std::min<ptrdiff_t>(length, ids.end() - begin);
    parts.emplace_back(begin, end);
    begin = end;
  }
  return parts;
}

}  // namespace specula
