#include "framework/train/parallel_draft.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "framework/core/error.h"
#include "framework/train/learning_decoder.h"

namespace specula {
namespace {

class ParallelDraft final : public DraftNetwork {
 public:
  ParallelDraft(TrainableDecoder decoder, Token mask, const DecoderTraining& training)
      : mask_(mask), decoder_(std::move(decoder), training) {}

  std::vector<Parameter> parameters() const override { return decoder_.parameters(); }
  std::vector<int> sites() const override { return {}; }
  int levels() const override { return 0; }

  // The text, and behind it the masks of all positions, level by level.
  std::vector<Tensor> unroll(const Tensor& token, const std::vector<Tensor>& /*states*/, int levels) const override {
    const int64_t length = token.size(1);
    std::vector<int64_t> parent;
    for (int64_t row = 0; row < length; ++row) parent.push_back(row - 1);
    std::vector<int64_t> first = {1};  // of each level's rows
    for (int level = 1; level < levels; ++level) {
      const int64_t above = first.back();
      first.push_back(static_cast<int64_t>(parent.size()));
      for (int64_t t = 0; t < length - 1 - level; ++t) parent.push_back(above + t);
    }
    const auto rows = static_cast<int64_t>(parent.size());
    const Tensor masks = at::full({token.size(0), rows - length}, mask_, token.options());
    const Tensor states =
        decoder_.final_states(at::cat({token, masks}, 1), at::tensor(parent)).view({token.size(0), rows, -1});
    std::vector<Tensor> features;
    for (int level = 0; level < levels; ++level)
      features.push_back(states.narrow(1, first[static_cast<size_t>(level)], length - 1 - level));
    return features;
  }

  Tensor logits(int /*level*/, const Tensor& features) const override { return decoder_.logits(features); }
  void write(const std::filesystem::path& folder) const override { decoder_.write(folder); }

 private:
  Token mask_;
  LearningDecoder decoder_;
};

}  // namespace

std::unique_ptr<DraftNetwork> make_parallel_draft(TrainableDecoder decoder, Token mask, const DecoderConfig& target,
                                                  const DecoderTraining& training) {
  const int64_t vocab = decoder.config.vocab;
  if (vocab != target.vocab)
    throw ConfigError(cat("the draft has a vocabulary of ", vocab, " tokens, and the target one of ", target.vocab,
                          "; expected the same"));
  if (mask < 0 || mask >= vocab)
    throw ConfigError(cat("mask_token = ", mask, " is no token of the draft; expected 0..", vocab - 1));
  for (SmallFile& file : decoder.files) {
    if (file.name != "config.json") continue;
    auto json = nlohmann::ordered_json::parse(file.content);
    json["pard_token"] = mask;
    file.content = json.dump(2) + "\n";
  }
  return std::make_unique<ParallelDraft>(std::move(decoder), mask, training);
}

}  // namespace specula
