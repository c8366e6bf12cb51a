#include "framework/model/heads/mlp_speculator.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/tensor.h>

#include <cmath>

#include "framework/core/error.h"

namespace specula {
namespace {

constexpr int64_t kMostSteps = 64, kMostSize = int64_t{1} << 17;
constexpr double kEpsilon = 1e-6;

std::string prefix_of(const HeadFolder& folder) { return folder.has("speculator.proj.0.weight") ? "speculator." : ""; }
int64_t steps_of(const HeadFolder& folder) { return folder.fields().size("n_predict", kMostSteps); }

struct Sizes {
  int64_t hidden, inner, vocab;
};
Sizes sizes_of(const HeadFolder& folder) {
  const auto projection = folder.shape(prefix_of(folder) + "proj.0.weight", 2);
  const auto head = folder.shape(prefix_of(folder) + "head.0.weight", 2);
  const int64_t inner = folder.fields().size_or("inner_dim", projection[0], kMostSize);
  if (inner != projection[0])
    folder.fields().fail("inner_dim", cat("is ", inner, ", but proj.0 has ", projection[0], " outputs"));
  return {.hidden = projection[1], .inner = inner, .vocab = head[0]};
}

Tensor normed(const Tensor& x) { return x * at::rsqrt(x.pow(2).mean(-1, /*keepdim=*/true) + kEpsilon); }

}  // namespace

ModelInfo MlpSpeculator::read_info(const HeadFolder& folder) {
  ModelInfo info = folder.info();
  const Sizes sizes = sizes_of(folder);
  info.vocab = sizes.vocab;
  info.hidden = sizes.hidden;
  return info;
}

MlpSpeculator::MlpSpeculator(const HeadFolder& folder, const LoadOptions& options)
    : StepHeads(read_info(folder),
                {.kind = "mlp_speculator",
                 .sites = {},
                 .own = 0,
                 .width = std::max(sizes_of(folder).hidden, sizes_of(folder).inner),
                 .attends = false,
                 .depth = static_cast<int>(steps_of(folder))},
                options),
      scales_input_(folder.fields().flag_or("scale_input", false)),
      inner_(sizes_of(folder).inner) {
  const double state_weight = std::pow(0.5, 0.5 / double(depth()));
  token_weight_ = std::sqrt((1 - state_weight * state_weight) * double(inner_) / 2) / state_weight;
  const bool is_tied = folder.fields().flag_or("tie_weights", false);
  const std::string prefix = prefix_of(folder);
  const int64_t vocab = info().vocab;
  const Kernels kernels = make_kernels(options.dtype);
  for (int64_t k = 0; k < depth(); ++k) {
    if (is_tied && k > 1) {
      heads_.push_back(heads_.back());
      continue;
    }
    const int64_t from = is_tied ? 0 : k;
    const auto name = [&](const char* part, int64_t index) { return cat(prefix, part, ".", index); };
    const auto vector = [&](const std::string& tensor) { return at::tensor(folder.read(tensor, {inner_})); };
    heads_.push_back(std::make_shared<const Head>(
        Head{.embedding = at::tensor(folder.read(name("emb", from) + ".weight", {vocab, inner_})).view({vocab, inner_}),
             .projection = HeadMatrix(folder, name("proj", k), inner_, k == 0 ? info().hidden : inner_, kernels.layer),
             .output = HeadMatrix(folder, name("head", from), vocab, inner_, kernels.head),
             .gain = vector(name("ln", from) + ".weight"),
             .shift = vector(name("ln", from) + ".bias")}));
  }
  // Files of tied weights hold them once for each step.
  folder.refuse_unknown([&](const std::string& tensor) { return is_tied && tensor.starts_with(prefix); });
}

int64_t MlpSpeculator::weight_bytes() const {
  int64_t bytes = 0;
  for (const auto& head : heads_) bytes += head->projection.bytes() + head->output.bytes() + 4 * 3 * inner_;
  return bytes;
}

StepHeads::Step MlpSpeculator::step(int depth, const Tensor& tokens, const Tensor& states, const Tensor& wanted) const {
  const Head& head = *heads_[static_cast<size_t>(depth)];
  Tensor x = states.narrow(1, 0, depth == 0 ? info().hidden : inner_);
  if (depth == 0 && scales_input_) x = normed(x) / std::sqrt(2.0);
  const Tensor taken = head.projection(x) + at::embedding(head.embedding, tokens) * token_weight_;
  const Tensor state = at::gelu(normed(taken) * head.gain + head.shift);
  Step done{.own = at::constant_pad_nd(state, {0, states.size(1) - inner_}), .logits = {}};
  if (wanted.numel() > 0) done.logits = head.output(state.index_select(0, wanted));
  return done;
}

}  // namespace specula
