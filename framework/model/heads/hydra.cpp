#include "framework/model/heads/hydra.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/silu.h>

#include "framework/core/error.h"

namespace specula {
namespace {

constexpr int64_t kMostHeads = 64, kMostBlocks = 16;

int64_t heads_of(const HeadFolder& folder) { return folder.fields().size("hydra_num_heads", kMostHeads); }
int64_t blocks_of(const HeadFolder& folder) { return folder.fields().size_or("hydra_num_layers", 1, kMostBlocks); }

std::string kind_of(const HeadFolder& folder) { return folder.fields().text_or("hydra_head_arch", "mlp"); }

}  // namespace

bool HydraHeads::has_prefix(const HeadFolder& folder) { return kind_of(folder) == "prefix-mlp"; }

ModelInfo HydraHeads::read_info(const HeadFolder& folder) {
  const std::string kind = kind_of(folder);
  if (kind != "mlp" && !has_prefix(folder))
    folder.fields().fail("hydra_head_arch", cat("is '", kind, "', which is not supported; valid: mlp, prefix-mlp"));
  folder.fields().require_flag("grounded_heads", true, true);
  ModelInfo info = folder.info();
  const auto shape = folder.shape("hydra_lm_head.0.weight", 2);
  info.vocab = shape[0];
  info.hidden = shape[1];
  return info;
}

HydraHeads::HydraHeads(const HeadFolder& folder, const LoadOptions& options)
    : StepHeads(read_info(folder),
                {.kind = "hydra",
                 .sites = {},
                 .own = 0,
                 .width = read_info(folder).hidden * (heads_of(folder) + 1),
                 .attends = false,
                 .depth = static_cast<int>(heads_of(folder))},
                options) {
  const int64_t hidden = info().hidden;
  const Kernels kernels = make_kernels(options.dtype);
  for (int64_t h = 0; h < depth(); ++h) {
    const int64_t inputs = hidden * (h + 2);
    const std::string mlp = cat("hydra_mlp.", h, ".");
    Head head{.residual = HeadMatrix(folder, mlp + "0.res_connection", hidden, inputs, kernels.layer),
              .blocks = {},
              .output = HeadMatrix(folder, cat("hydra_lm_head.", h), info().vocab, hidden, kernels.head)};
    for (int64_t block = 0; block < blocks_of(folder); ++block)
      head.blocks.emplace_back(folder, cat(mlp, block, ".linear"), hidden, block == 0 ? inputs : hidden, kernels.layer);
    heads_.push_back(std::move(head));
  }
  folder.refuse_unknown([&](const std::string& tensor) {  // the layer reads, and checks, its own
    return has_prefix(folder) && tensor.starts_with("prefix_embeding_layer.");
  });
}

int64_t HydraHeads::weight_bytes() const {
  int64_t bytes = 0;
  for (const Head& head : heads_) {
    bytes += head.residual.bytes() + head.output.bytes();
    for (const HeadMatrix& block : head.blocks) bytes += block.bytes();
  }
  return bytes;
}

// A state is [h; e(t_0); ..; e(t_K-1)], zeros where no token stands yet.
StepHeads::Step HydraHeads::step(int depth, const Tensor& tokens, const Tensor& states, const Tensor& wanted) const {
  const int64_t hidden = info().hidden, count = states.size(0), width = states.size(1);
  const Tensor own = states.clone();
  float* to = own.mutable_data_ptr<float>() + (depth + 1) * hidden;
  for (int64_t i = 0; i < count; ++i) target().weights().embed(tokens.const_data_ptr<int64_t>()[i], to + i * width);
  if (wanted.numel() == 0) return {.own = own, .logits = {}};
  const Head& head = heads_[static_cast<size_t>(depth)];
  const Tensor x = own.index_select(0, wanted).narrow(1, 0, hidden * (depth + 2)).contiguous();
  Tensor y = head.residual(x) + at::silu(head.blocks.front()(x));
  for (size_t block = 1; block < head.blocks.size(); ++block) y = y + at::silu(head.blocks[block](y));
  return {.own = own, .logits = head.output(y)};
}

}  // namespace specula
