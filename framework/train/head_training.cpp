#include "framework/train/head_training.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/full.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/smooth_l1_loss.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "framework/train/autocast.h"
#include "framework/train/chain_acceptance.h"
#include "framework/train/row_chunks.h"
#include "framework/train/state_noise.h"

namespace specula {
namespace {

class HeadTraining final : public Objective {
 public:
  HeadTraining(std::unique_ptr<DraftNetwork> network, std::shared_ptr<FrozenTarget> target,
               const HeadTrainingOptions& options, const DecoderTraining& training)
      : network_(std::move(network)),
        target_(std::move(target)),
        options_(options),
        training_(training),
        keys_(options.seed) {}

  std::vector<Parameter> parameters() const override { return network_->parameters(); }

  Figures learn(const Batch& batch, double share) override {
    const Unrolled rows = unroll(batch.token, options_.levels, batch.first);
    double distance = 0, data = 0, apart = 0;
    sum_in_chunks(rows.features, chunk(options_.levels), [&](const Tensor& part, int64_t first) {
      const Taught taught = teach(rows, first, part.size(0));
      Tensor sum;
      rows.each_level(part, first, [&](const Part& of) {
        const double weight = std::pow(options_.decay, of.level) / static_cast<double>(rows.count(of.level));
        const Judged judged = judge(of, taught);
        const Tensor far = divergence(options_.loss, judged.log_p, judged.log_q, options_.beta) * weight;
        Tensor loss = far * (1 - options_.data_share);
        distance += far.item<double>();
        if (options_.data_share > 0) {
          const Tensor own = all_of(judged.log_q).gather(1, of.of(taught.next).unsqueeze(1));
          // A token that the head cannot draft says nothing.
          const Tensor surprise = -own.masked_fill(own.isinf(), 0).sum() * weight;
          data += surprise.item<double>();
          loss = loss + surprise * options_.data_share;
        }
        if (options_.feature_share > 0) {
          const Tensor states = of.of(taught.states);
          const Tensor far_states =
              at::smooth_l1_loss(of.features, states, at::Reduction::Sum) * (weight / double(states.size(1)));
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
    const Unrolled rows = unroll(token, options_.gamma, std::nullopt);
    ChainAcceptance acceptance(options_.gamma);
    double kl = 0;
    sum_in_chunks(rows.features, chunk(options_.gamma), [&](const Tensor& part, int64_t first) {
      const Taught taught = teach(rows, first, part.size(0));
      Tensor sum;
      rows.each_level(part, first, [&](const Part& of) {
        const Judged judged = judge(of, taught);
        acceptance.add(of.level, of.of(taught.log_p_all), all_of(judged.log_q), of.of(taught.next));
        const Tensor far = divergence(Divergence::kForwardKl, judged.log_p, judged.log_q, 0) /
                           static_cast<double>(rows.count(of.level) * options_.gamma);
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
  // Rows of one level that stand side by side in a text, within a chunk.
  struct Part {
    int level;
    int64_t first, count;  // of the chunk's rows
    Tensor features;       // [count,F]
    Tensor of(const Tensor& chunk) const { return chunk.narrow(0, first, count); }
  };

  // A row for each place of a text but the first: what all levels say of the token behind it.  Level k says nothing of
  // the first k rows of a text.
  struct Unrolled {
    Tensor features;  // [N,levels F]
    Tensor states;    // [N,H] of the target behind its final norm
    Tensor next;      // [N] the token that follows
    int64_t levels = 0, texts = 0;
    int64_t length() const { return next.size(0) / texts; }
    int64_t count(int64_t level) const { return texts * (length() - level); }
    template <class Hear>
    void each_level(const Tensor& part, int64_t first, const Hear& hear) const {
      const int64_t size = part.size(1) / levels;
      for (int64_t row = 0; row < part.size(0);) {
        const int64_t place = (first + row) % length(), end = std::min(part.size(0), row + length() - place);
        for (int64_t level = 0; level < levels; ++level) {
          const int64_t from = row + std::max<int64_t>(level - place, 0);
          if (from >= end) continue;
          hear(Part{.level = static_cast<int>(level),
                    .first = from,
                    .count = end - from,
                    .features = part.narrow(0, from, end - from).narrow(1, level * size, size)});
        }
        row = end;
      }
    }
  };

  // What the target says of a chunk's rows, which all levels learn.
  struct Taught {
    Tensor states, next;      // as in Unrolled
    Tensor log_p_all, log_p;  // [n,V] and [n,outputs], p among them
  };

  struct Judged {
    Tensor log_p, log_q;  // [count,outputs]
  };

  // Rows whose logits, p and q of every level, fit the bound of memory.
  int64_t chunk(int levels) const {
    return std::max<int64_t>(1, rows_of_chunk(target_->config().vocab) / (levels + 1));
  }

  // `noise_of`: the number of the first text, by which noise is drawn; none: the states are exact.
  Unrolled unroll(const Tensor& given, int levels, std::optional<int64_t> noise_of) const {
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
    Unrolled rows{.states = states.back().narrow(1, 1, length - 1).flatten(0, 1).to(at::kFloat),
                  .next = token.narrow(1, 2, length - 1).flatten(),
                  .levels = levels,
                  .texts = token.size(0)};
    states.pop_back();
    if (noise_of && options_.noise > 0) states = with_noise(states, options_.noise, keys_, *noise_of);
    std::vector<Tensor> features;
    const AutocastScope autocast(training_.autocast, training_.device);
    for (const Tensor& of_level : network_->unroll(text, states, levels)) {
      const auto level = static_cast<int64_t>(features.size());
      features.push_back(at::constant_pad_nd(of_level.to(at::kFloat), {0, 0, level, 0}));
    }
    rows.features = at::cat(features, -1).flatten(0, 1);
    return rows;
  }

  Taught teach(const Unrolled& rows, int64_t first, int64_t count) const {
    Taught taught{.states = rows.states.narrow(0, first, count), .next = rows.next.narrow(0, first, count)};
    const Tensor logits = target_->logits(taught.states), tokens = network_->draft_tokens();
    taught.log_p_all = at::log_softmax(logits, -1);
    taught.log_p = tokens.defined() ? at::log_softmax(logits.index_select(1, tokens), -1) : taught.log_p_all;
    return taught;
  }

  Judged judge(const Part& of, const Taught& taught) const {
    Tensor logits;
    {
      const AutocastScope autocast(training_.autocast, training_.device);
      logits = network_->logits(of.level, of.features).to(at::kFloat);
    }
    return {.log_p = of.of(taught.log_p), .log_q = at::log_softmax(logits, -1)};
  }

  // [n,outputs] as [n,V]: what cannot be drafted has no probability.
  Tensor all_of(const Tensor& log_q) const {
    const Tensor tokens = network_->draft_tokens();
    if (!tokens.defined()) return log_q;
    return at::full({log_q.size(0), target_->config().vocab}, -std::numeric_limits<float>::infinity(), log_q.options())
        .index_copy(1, tokens, log_q);
  }

  std::unique_ptr<DraftNetwork> network_;
  std::shared_ptr<FrozenTarget> target_;
  HeadTrainingOptions options_;
  DecoderTraining training_;
  Keyring keys_;
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
