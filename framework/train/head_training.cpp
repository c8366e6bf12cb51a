#include "framework/train/head_training.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/smooth_l1_loss.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "framework/train/autocast.h"
#include "framework/train/chain_acceptance.h"
#include "framework/train/row_chunks.h"

namespace specula {
namespace {

class HeadTraining final : public Objective {
 public:
  HeadTraining(std::unique_ptr<DraftNetwork> network, std::shared_ptr<FrozenTarget> target,
               const HeadTrainingOptions& options, const DecoderTraining& training)
      : network_(std::move(network)), target_(std::move(target)), options_(options), training_(training) {}

  std::vector<Parameter> parameters() const override { return network_->parameters(); }

  Figures learn(const Batch& batch, double share) override {
    const Unrolled rows = unroll(batch.token, options_.levels);
    double distance = 0, data = 0, apart = 0;
    sum_in_chunks(rows.features, chunk(), [&](const Tensor& part, int64_t first) {
      Tensor sum;
      rows.each_level(part, first, [&](const Part& of) {
        const double weight = std::pow(options_.decay, of.level) / static_cast<double>(of.rows_of_level);
        const Judged judged = judge(of);
        const Tensor far = divergence(options_.loss, judged.log_p, judged.log_q, options_.beta) * weight;
        Tensor loss = far * (1 - options_.data_share);
        distance += far.item<double>();
        if (options_.data_share > 0) {
          const Tensor own = judged.log_q_all.gather(1, of.next.unsqueeze(1));
          // A token that the head cannot draft says nothing.
          const Tensor surprise = -own.masked_fill(own.isinf(), 0).sum() * weight;
          data += surprise.item<double>();
          loss = loss + surprise * options_.data_share;
        }
        if (options_.feature_share > 0) {
          const Tensor far_states =
              at::smooth_l1_loss(of.features, of.states, at::Reduction::Sum) * (weight / double(of.states.size(1)));
          apart += far_states.item<double>();
          loss = loss + far_states * options_.feature_share;
        }
        sum = sum.defined() ? sum + loss : loss;
      });
      return sum * share;
    });
    const double loss =
        (1 - options_.data_share) * distance + options_.data_share * data + options_.feature_share * apart;
    Figures figures{{"loss", loss}, {"divergence", distance}};
    if (options_.data_share > 0) figures.emplace_back("data_nats", data);
    if (options_.feature_share > 0) figures.emplace_back("feature_distance", apart);
    return figures;
  }

  Figures validate(const Tensor& token) const override {
    const at::NoGradGuard no_grad;
    const Unrolled rows = unroll(token, options_.gamma);
    ChainAcceptance acceptance(options_.gamma);
    double kl = 0;
    sum_in_chunks(rows.features, chunk(), [&](const Tensor& part, int64_t first) {
      Tensor sum;
      rows.each_level(part, first, [&](const Part& of) {
        const Judged judged = judge(of);
        acceptance.add(of.level, judged.log_p_all, judged.log_q_all, of.next);
        const Tensor far = divergence(Divergence::kForwardKl, judged.log_p, judged.log_q, 0) /
                           static_cast<double>(of.rows_of_level * options_.gamma);
        sum = sum.defined() ? sum + far : far;
      });
      kl += sum.item<double>();
      return sum;
    });
    Figures figures = acceptance.figures(token.size(0));
    figures.emplace_back("forward_kl_nats", kl);
    return figures;
  }

  // What speculation gains by, at temperature 1, where it is the smoother of the two.
  double merit(const Figures& validated) const override { return figure(validated, "accepted_t1"); }

  void write(const std::filesystem::path& folder) const override { network_->write(folder); }

 private:
  // Rows of one level within a chunk.
  struct Part {
    int level;
    int64_t rows_of_level;
    Tensor features;  // [n,F]
    Tensor states;    // [n,H] of the target behind its final norm, at the token that the row stands for
    Tensor next;      // [n] the token that follows
  };

  // The rows of all levels, level by level.
  struct Unrolled {
    Tensor features;                   // [N,F]
    std::vector<Tensor> states, next;  // of each level, [n,H] and [n]
    template <class Hear>
    void each_level(const Tensor& part, int64_t first, const Hear& hear) const {
      int64_t begin = 0;  // of the level's rows
      for (size_t level = 0; level < next.size(); ++level) {
        const int64_t count = next[level].size(0), from = std::max(first, begin),
                      to = std::min(first + part.size(0), begin + count);
        if (from < to) {
          hear(Part{.level = static_cast<int>(level),
                    .rows_of_level = count,
                    .features = part.narrow(0, from - first, to - from),
                    .states = states[level].narrow(0, from - begin, to - from),
                    .next = next[level].narrow(0, from - begin, to - from)});
        }
        begin += count;
      }
    }
  };

  struct Judged {
    Tensor log_p, log_q;          // [n,outputs], p among them
    Tensor log_p_all, log_q_all;  // [n,V]
  };

  int64_t chunk() const { return rows_of_chunk(target_->config().vocab); }

  Unrolled unroll(const Tensor& given, int levels) const {
    Dims dims;
    dims.check(given, "token", "B T");
    const Tensor token = given.to(training_.device);
    const int64_t length = token.size(1) - 1;  // positions with the target's states
    SPECULA_CHECK(length > levels, "rows of ", length, " tokens for ", levels, " levels");
    std::vector<int> sites = network_->sites();
    const int last = target_->model().last_site();
    sites.push_back(last);
    const Tensor text = token.narrow(1, 0, length);
    std::vector<Tensor> states = target_->states(text, sites);
    const Tensor final_states = states.back();
    states.pop_back();
    Unrolled rows;
    std::vector<Tensor> features;
    const AutocastScope autocast(training_.autocast, training_.device);
    for (const Tensor& of_level : network_->unroll(text, states, levels)) {
      const auto level = static_cast<int64_t>(features.size()), count = length - 1 - level;
      features.push_back(of_level.flatten(0, 1).to(at::kFloat));
      rows.states.push_back(final_states.narrow(1, level + 1, count).flatten(0, 1).to(at::kFloat));
      rows.next.push_back(token.narrow(1, level + 2, count).flatten());
    }
    rows.features = at::cat(features, 0);
    return rows;
  }

  Judged judge(const Part& of) const {
    Tensor logits;
    {
      const AutocastScope autocast(training_.autocast, training_.device);
      logits = network_->logits(of.level, of.features).to(at::kFloat);
    }
    const Tensor p_logits = target_->logits(of.states), tokens = network_->draft_tokens();
    Judged judged{.log_q = at::log_softmax(logits, -1)};
    judged.log_p_all = at::log_softmax(p_logits, -1);
    if (!tokens.defined()) {
      judged.log_p = judged.log_p_all;
      judged.log_q_all = judged.log_q;
      return judged;
    }
    judged.log_p = at::log_softmax(p_logits.index_select(1, tokens), -1);
    judged.log_q_all = at::full(p_logits.sizes(), -std::numeric_limits<float>::infinity(), p_logits.options())
                           .index_copy(1, tokens, judged.log_q);
    return judged;
  }

  std::unique_ptr<DraftNetwork> network_;
  std::shared_ptr<FrozenTarget> target_;
  HeadTrainingOptions options_;
  DecoderTraining training_;
};

}  // namespace

std::unique_ptr<Objective> make_head_training(std::unique_ptr<DraftNetwork> network,
                                              std::shared_ptr<FrozenTarget> target, const HeadTrainingOptions& options,
                                              const DecoderTraining& training) {
  const int most = network->levels();
  if (most > 0 && std::max(options.levels, options.gamma) > most)
    throw ConfigError(cat("levels = ", options.levels, ", gamma = ", options.gamma, ": what is trained names ", most,
                          "; expected at most as many"));
  return std::make_unique<HeadTraining>(std::move(network), std::move(target), options, training);
}

}  // namespace specula
