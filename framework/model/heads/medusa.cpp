#include "framework/model/heads/medusa.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/stack.h>

#include "framework/core/error.h"
#include "framework/model/engine/packed_rows.h"

namespace specula {
namespace {

constexpr int64_t kMostHeads = 64, kMostBlocks = 16;

bool is_shared(const HeadFolder& folder) { return folder.fields().flag_or("shared_lm_head", false); }
int64_t blocks_of(const HeadFolder& folder) { return folder.fields().count_or("medusa_num_layers", 1, kMostBlocks); }

std::string block_name(int64_t head, int64_t block) { return cat(head, ".", block, ".linear"); }

int64_t heads_of(const HeadFolder& folder) {
  const int64_t blocks = blocks_of(folder);
  int64_t heads = 0;
  while (heads < kMostHeads && (folder.has(cat(heads, ".", blocks, ".weight")) ||
                                (blocks > 0 && folder.has(block_name(heads, 0) + ".weight"))))
    ++heads;
  if (heads == 0) folder.fail("it has no tensor '0.0.linear.weight': no Medusa heads");
  return heads;
}

}  // namespace

ModelInfo MedusaHeads::read_info(const HeadFolder& folder) {
  ModelInfo info = folder.info();
  if (is_shared(folder)) {
    if (blocks_of(folder) == 0) folder.fields().fail("medusa_num_layers", "is 0: with a shared head nothing is left");
    info.hidden = folder.shape(block_name(0, 0) + ".weight", 2)[1];
    info.vocab = folder.fields().size("vocab_size", int64_t{1} << 22);
  } else {
    const auto shape = folder.shape(cat("0.", blocks_of(folder), ".weight"), 2);
    info.vocab = shape[0];
    info.hidden = shape[1];
  }
  return info;
}

MedusaHeads::MedusaHeads(const HeadFolder& folder, const LoadOptions& options)
    : StepHeads(read_info(folder),
                {.kind = "medusa",
                 .sites = {},
                 .own = 0,
                 .width = read_info(folder).hidden,
                 .attends = false,
                 .depth = static_cast<int>(heads_of(folder))},
                options) {
  const int64_t hidden = info().hidden, blocks = blocks_of(folder);
  const Kernels kernels = make_kernels(options.dtype);
  if (is_shared(folder)) shared_ = &target().weights().head();
  for (int64_t h = 0; h < depth(); ++h) {
    Head head;
    for (int64_t block = 0; block < blocks; ++block)
      head.blocks.emplace_back(folder, block_name(h, block), hidden, hidden, kernels.layer);
    if (shared_ == nullptr) head.output = HeadMatrix(folder, cat(h, ".", blocks), info().vocab, hidden, kernels.head);
    heads_.push_back(std::move(head));
  }
  folder.refuse_unknown([](const std::string& /*tensor*/) { return false; });
}

int64_t MedusaHeads::weight_bytes() const {
  int64_t bytes = shared_ != nullptr ? shared_->bytes() : 0;
  for (const Head& head : heads_) {
    bytes += head.output.bytes();
    for (const HeadMatrix& block : head.blocks) bytes += block.bytes();
  }
  return bytes;
}

Tensor MedusaHeads::through_blocks(const Head& head, const Tensor& states) {
  Tensor x = states;
  for (const HeadMatrix& block : head.blocks) x = x + at::silu(block(x));
  return x;
}

Tensor MedusaHeads::all_logits(const Tensor& states) const {
  if (shared_ == nullptr) return {};
  std::vector<Tensor> rows;
  for (const Head& head : heads_) rows.push_back(through_blocks(head, states));
  const Tensor x = at::stack(rows, 1);  // [n,depth,H]
  return multiply(*shared_, x.flatten(0, 1)).view({states.size(0), depth(), vocab()});
}

StepHeads::Step MedusaHeads::step(int depth, const Tensor& /*tokens*/, const Tensor& states,
                                  const Tensor& wanted) const {
  const Head& head = heads_[static_cast<size_t>(depth)];
  if (wanted.numel() == 0) return {.own = states, .logits = {}};
  const Tensor x = through_blocks(head, states.index_select(0, wanted));
  return {.own = states, .logits = shared_ != nullptr ? multiply(*shared_, x) : head.output(x)};
}

}  // namespace specula
