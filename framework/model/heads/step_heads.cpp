#include "framework/model/heads/step_heads.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "framework/core/error.h"
#include "framework/model/engine/packed_rows.h"
#include "framework/model/heads/hydra.h"
#include "framework/model/heads/medusa.h"
#include "framework/model/heads/mlp_speculator.h"
#include "framework/model/heads/prefix_heads.h"
#include "framework/model/memory.h"
#include "framework/model/pass_input.h"
#include "framework/model/slot_book.h"

namespace specula {
namespace {

// What is remembered: how deep the tentative rows hang and, of heads that name all depths at once, what they named.
class StepCache final : public KvCache {
 public:
  explicit StepCache(int batch) : books_(static_cast<size_t>(batch)), named_(static_cast<size_t>(batch)) {}
  int64_t size(int b) const override { return books_[static_cast<size_t>(b)].committed(); }
  int tentative(int b) const override { return books_[static_cast<size_t>(b)].tentative(); }
  void commit(int b, std::span<const int> slots) override {
    books_[static_cast<size_t>(b)].check_path(slots);
    books_[static_cast<size_t>(b)].commit(static_cast<int64_t>(slots.size()));
    named(b) = Tensor();
  }
  void truncate(int b, int64_t size) override {
    books_[static_cast<size_t>(b)].truncate(size);
    named(b) = Tensor();
  }
  std::unique_ptr<KvCache> fork() const override { return std::make_unique<StepCache>(*this); }
  int batch() const { return static_cast<int>(books_.size()); }
  int add(int b, int parent) {
    SlotBook& book = books_[static_cast<size_t>(b)];
    return book.depth(book.add(parent));
  }
  Tensor& named(int b) { return named_[static_cast<size_t>(b)]; }  // [depth,V] below the root; undefined: not asked

 private:
  std::vector<SlotBook> books_;
  std::vector<Tensor> named_;
};

// A row of a pass.
struct StepRow {
  int sequence;
  int64_t out_row, logits_row;  // -1: no logits are wanted
};

// The rows of one depth that want logits: their places in the group, and where the logits go.
struct Wanted {
  std::vector<int64_t> from, to;
};

}  // namespace

HeadMatrix::HeadMatrix(const HeadFolder& folder, const std::string& prefix, int64_t outputs, int64_t inputs,
                       const LinearKernel& kernel)
    : matrix_(folder.read(prefix + ".weight", {outputs, inputs}), outputs, kernel) {
  if (folder.has(prefix + ".bias")) bias_ = at::tensor(folder.read(prefix + ".bias", {outputs}));
}

Tensor HeadMatrix::operator()(const Tensor& x) const {
  const Tensor y = multiply(matrix_, x);
  return bias_.defined() ? y + bias_ : y;
}

StepHeads::StepHeads(ModelInfo info, HeadTraits traits, const LoadOptions& options)
    : info_(std::move(info)), traits_(std::move(traits)), dtype_(options.dtype), target_(target_of(info_, options)) {
  traits_.sites = {static_cast<int>(target_.layers()) + 1};
}

std::string StepHeads::engine() const { return cat("own: ", make_kernels(dtype_).layer.target); }

Tensor StepHeads::join(const Tensor& states) const {
  Dims dims;
  dims.check(states, "states", "N 1 H");
  SPECULA_CHECK(dims['H'] == info_.hidden, "states of ", dims['H'], " numbers; the heads take ", info_.hidden);
  return at::constant_pad_nd(states.squeeze(1), {0, traits_.width - info_.hidden});
}

std::unique_ptr<KvCache> StepHeads::new_cache(int batch, int64_t /*reserve*/) const {
  return std::make_unique<StepCache>(batch);
}

Pass StepHeads::forward(const Rows& rows, KvCache& cache, const Ask& ask) const {
  auto* own = dynamic_cast<StepCache*>(&cache);
  SPECULA_CHECK(own != nullptr, "the cache was made by another model");
  SPECULA_CHECK(ask.is_plain() && (ask.hidden.empty() || ask.hidden == std::vector<int>{traits_.own}),
                "heads have whole passes and one site");
  const PassInput in(rows, cache, own->batch(), {.logits = ask.logits}, info_, traits_.width);
  std::vector<std::vector<StepRow>> by_depth(static_cast<size_t>(depth()));
  for (int b = 0; b < own->batch(); ++b) {
    for (int64_t r = 0; r < in.count(b); ++r) {
      const int at_depth = std::min(own->add(b, in.parent(b, r)), depth() - 1);
      by_depth[static_cast<size_t>(at_depth)].push_back(
          {.sequence = b, .out_row = in.out_row(b, r), .logits_row = in.logits_row(b, r)});
    }
  }
  const int64_t all = in.batch() * in.rows(), width = traits_.width;
  const Tensor token = rows.token.reshape({all}), hidden = rows.hidden.reshape({all, width});
  Pass pass;
  const int64_t lines = in.logits_lines();
  if (ask.logits != Logits::kNone) pass.logits = at::zeros({in.batch() * lines, vocab()}, at::kFloat);
  if (!ask.hidden.empty()) pass.hidden = at::zeros({all, width}, at::kFloat);
  for (int d = 0; d < depth(); ++d) {
    const std::vector<StepRow>& group = by_depth[static_cast<size_t>(d)];
    if (group.empty()) continue;
    std::vector<int64_t> from;
    for (const StepRow& row : group) from.push_back(row.out_row);
    const Tensor at_rows = at::tensor(from), states = hidden.index_select(0, at_rows);
    if (d == 0 && ask.logits != Logits::kNone) {
      const Tensor named = all_logits(states);
      for (size_t i = 0; named.defined() && i < group.size(); ++i)
        own->named(group[i].sequence) = named[static_cast<int64_t>(i)];
    }
    Wanted wanted;
    for (size_t i = 0; i < group.size(); ++i) {
      if (group[i].logits_row < 0) continue;
      if (const Tensor& named = own->named(group[i].sequence); named.defined()) {
        pass.logits[group[i].logits_row].copy_(named[d]);
      } else {
        wanted.from.push_back(static_cast<int64_t>(i));
        wanted.to.push_back(group[i].logits_row);
      }
    }
    const Step done = step(d, token.index_select(0, at_rows), states, at::tensor(wanted.from));
    if (pass.hidden.defined()) pass.hidden.index_copy_(0, at_rows, done.own);
    if (!wanted.from.empty()) pass.logits.index_copy_(0, at::tensor(wanted.to), done.logits);
  }
  if (pass.logits.defined()) pass.logits = pass.logits.view({in.batch(), lines, vocab()});
  if (pass.hidden.defined()) pass.hidden = pass.hidden.view({in.batch(), in.rows(), 1, width});
  return pass;
}

ModelInfo read_step_heads_info(const std::filesystem::path& folder) {
  const HeadFolder files(folder);
  if (files.kind() == "medusa") return MedusaHeads::read_info(files);
  if (files.kind() == "hydra") return HydraHeads::read_info(files);
  return MlpSpeculator::read_info(files);
}

std::unique_ptr<LoadedModel> load_step_heads(const std::filesystem::path& folder, const LoadOptions& options) {
  if (options.device != "cpu")
    throw Error(cat(folder.string(), ": heads run on device \"cpu\"; given: \"", options.device, "\""));
  const HeadFolder files(folder);
  check_memory(read_step_heads_info(folder), options.dtype, available_bytes());
  if (files.kind() == "medusa") return std::make_unique<MedusaHeads>(files, options);
  if (files.kind() == "hydra") {
    auto heads = std::make_unique<HydraHeads>(files, options);
    if (!HydraHeads::has_prefix(files)) return heads;
    auto layer = load_prefix_layer(folder, files, target_of(heads->info(), options));
    return std::make_unique<PrefixHeads>(std::move(heads), std::move(layer));
  }
  return std::make_unique<MlpSpeculator>(files, options);
}

}  // namespace specula
