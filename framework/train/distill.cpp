#include "framework/train/distill.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>

#include <utility>

#include "framework/core/keyring.h"
#include "framework/train/acceptance.h"
#include "framework/train/frozen_target.h"
#include "framework/train/learning_decoder.h"
#include "framework/train/row_chunks.h"

namespace specula {
namespace {

// Which rows the draft goes on with, and what it draws: a row of its own number each.
constexpr int64_t kChosen = -1;

class Distillation final : public Objective {
 public:
  Distillation(TrainableDecoder draft, const std::filesystem::path& target, const DistillOptions& options,
               const DecoderTraining& training)
      : options_(options), keys_(options.seed), draft_(std::move(draft), training), target_(target, training) {
    if (draft_.vocab() != target_.config().vocab) {
      throw ConfigError(cat("the draft has a vocabulary of ", draft_.vocab(), " tokens, and the target ",
                            target.string(), " one of ", target_.config().vocab, "; expected the same"));
    }
  }

  std::vector<Parameter> parameters() const override { return draft_.parameters(); }

  Figures learn(const Batch& batch, double share) override {
    Dims dims;
    dims.check(batch.token, "token", "B T");
    const Tensor token = draft_.moved(written_by_draft(batch));
    const Rows rows = rows_of(token);
    const auto count = static_cast<double>(rows.next.numel());
    double distance = 0, data = 0;
    sum_in_chunks(rows.draft, rows_of_chunk(draft_.vocab()), [&](const Tensor& part, int64_t first) {
      const Tensor log_q = at::log_softmax(draft_.logits(part), -1);
      const Tensor apart = divergence(options_.loss, log_p(rows, first, part.size(0)), log_q, options_.beta) / count;
      const Tensor next = rows.next.narrow(0, first, part.size(0)).unsqueeze(1);
      const Tensor surprise = -log_q.gather(1, next).sum() / count;
      distance += apart.item<double>();
      data += surprise.item<double>();
      return (apart * (1 - options_.data_share) + surprise * options_.data_share) * share;
    });
    const double loss = (1 - options_.data_share) * distance + options_.data_share * data;
    return {{"loss", loss}, {"divergence", distance}, {"data_nats", data}};
  }

  Figures validate(const Tensor& given) const override {
    const Tensor token = draft_.moved(given);
    const Rows rows = rows_of(token);
    const auto count = static_cast<double>(rows.next.numel());
    Acceptance acceptance(options_.gamma);
    double data = 0, kl = 0;
    sum_in_chunks(rows.draft, rows_of_chunk(draft_.vocab()), [&](const Tensor& part, int64_t first) {
      const Tensor log_q = at::log_softmax(draft_.logits(part), -1), p = log_p(rows, first, part.size(0));
      const Tensor next = rows.next.narrow(0, first, part.size(0));
      acceptance.add(p, log_q, next);
      data -= log_q.gather(1, next.unsqueeze(1)).sum().item<double>() / count;
      const Tensor apart = divergence(Divergence::kForwardKl, p, log_q, 0) / count;
      kl += apart.item<double>();
      return apart;
    });
    Figures figures = acceptance.figures(token.size(0));
    figures.emplace_back("forward_kl_nats", kl);
    figures.emplace_back("loss_nats", data);
    return figures;
  }

  // What speculation gains by, at temperature 1, where it is the smoother of the two.
  double merit(const Figures& validated) const override { return figure(validated, "accepted_t1"); }

  void write(const std::filesystem::path& folder) const override { draft_.write(folder); }

 private:
  struct Rows {
    Tensor draft, target;  // [N,H] of each
    Tensor next;           // [N]
  };

  Rows rows_of(const Tensor& token) const {
    const int64_t length = token.size(1) - 1;
    const Tensor input = token.narrow(1, 0, length);
    return {.draft = draft_.final_states(input),
            .target = target_.final_states(input),
            .next = token.narrow(1, 1, length).flatten()};
  }

  Tensor log_p(const Rows& rows, int64_t first, int64_t count) const {
    const at::NoGradGuard no_grad;
    return at::log_softmax(target_.logits(rows.target.narrow(0, first, count)), -1);
  }

  bool is_chosen(int64_t row) const {
    return options_.on_policy > 0 && keys_.uniform(Use::kSearch, kChosen, row, 0) < options_.on_policy;
  }

  // The batch with the ends of the chosen rows written by the draft.
  Tensor written_by_draft(const Batch& batch) const {
    std::vector<int64_t> chosen;
    for (int64_t i = 0; i < batch.token.size(0); ++i) {
      if (is_chosen(batch.first + i)) chosen.push_back(i);
    }
    if (chosen.empty()) return batch.token;
    const at::NoGradGuard no_grad;
    const Tensor token = batch.token.clone(), which = at::tensor(chosen);
    Tensor rows = token.index_select(0, which);
    const int64_t end = rows.size(1), begin = std::max<int64_t>(1, end - options_.written);
    for (int64_t at = begin; at < end; ++at)
      rows.select(1, at).copy_(drawn(rows.narrow(1, 0, at), chosen, batch.first));
    token.index_copy_(0, which, rows);
    return token;
  }

  // One token behind each row of text [n,t], by inverse CDF.
  Tensor drawn(const Tensor& text, const std::vector<int64_t>& chosen, int64_t first) const {
    const Tensor states = draft_.final_states(draft_.moved(text)).view({text.size(0), text.size(1), -1});
    const Tensor q = at::softmax(draft_.logits(states.select(1, -1)), -1).to(at::kCPU, at::kDouble);
    std::vector<double> u;
    for (const int64_t row : chosen) u.push_back(keys_.uniform(Use::kDraft, first + row, text.size(1), 0));
    const Tensor below = q.cumsum(-1) <= at::tensor(u).to(at::kDouble).unsqueeze(1) * q.sum(-1, true);
    return below.sum(-1).clamp_max(q.size(1) - 1);
  }

  DistillOptions options_;
  Keyring keys_;
  LearningDecoder draft_;
  FrozenTarget target_;
};

}  // namespace

std::unique_ptr<Objective> make_distill(TrainableDecoder draft, const std::filesystem::path& target,
                                        const DistillOptions& options, const DecoderTraining& training) {
  return std::make_unique<Distillation>(std::move(draft), target, options, training);
}

}  // namespace specula
