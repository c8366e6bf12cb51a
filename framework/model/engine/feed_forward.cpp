#include "framework/model/engine/feed_forward.h"

namespace specula {
namespace {

// Rows that a panel of weights is multiplied with in about the time that it takes to read it.
constexpr int64_t kFreeRows = 8;

// Calls visit(group, panels) for this thread's share of all groups' panels, of which each group has as many.
template <class Visit>
void share_panels(const std::vector<Routing::Group>& groups, int64_t panels, const Worker& worker, Visit visit) {
  const auto cost_of = [](const Routing::Group& group) { return std::max(group.count, kFreeRows); };
  int64_t total = 0, before = 0;
  for (const Routing::Group& group : groups) total += panels * cost_of(group);
  const Share mine = worker.share(total);
  for (const Routing::Group& group : groups) {
    const int64_t cost = cost_of(group), all = panels * cost;
    const auto panel_at = [&](int64_t place) {
      return (std::clamp<int64_t>(place - before, 0, all) + cost - 1) / cost;
    };
    const Share share{panel_at(mine.first), panel_at(mine.last)};
    if (share.first < share.last) visit(group, share);
    before += all;
  }
}

}  // namespace

FeedForward::FeedForward(PassFrame& frame)
    : frame_(frame), config_(frame.config()), activate_(frame.kernels().activation(config_.activation, config_.gated)) {
  const Experts& experts = config_.experts;
  const auto make_room = [&](AlignedBuffer& up, AlignedBuffer& activated, int64_t rows, int64_t intermediate) {
    const Buffers all = buffers(up, activated, intermediate);
    need(up, rows * all.up.stride * 4);
    need(activated, rows * all.activated.stride * frame_.element());
  };
  PassScratch& s = frame_.scratch();
  make_room(s.up, s.activated, frame_.num_rows(), std::max(config_.intermediate, experts.shared_intermediate));
  if (experts.count == 0) return;
  make_room(s.expert_up, s.expert_activated, pairs(), experts.intermediate);
  need(s.router, frame_.num_rows() * stride_of(experts.count + 1) * 4);
  routings_.resize(static_cast<size_t>(frame_.num_threads()));
}

FeedForward::Buffers FeedForward::Buffers::from(int64_t row, int64_t element) const {
  return {{up.row(row), up.stride, up.size},
          {activated.data + row * activated.stride * element, activated.stride, activated.size}};
}

// Whole panels are written.
FeedForward::Buffers FeedForward::buffers(AlignedBuffer& up, AlignedBuffer& activated, int64_t intermediate) const {
  const int64_t wide = padded(intermediate, frame_.kernels().layer.panel), all = config_.gated ? 2 * wide : wide;
  return {{up.data<float>(), stride_of(all), all}, {activated.data(), stride_of(wide), intermediate}};
}

FeedForward::Buffers FeedForward::dense(const FeedForwardWeights& weights) const {
  return buffers(frame_.scratch().up, frame_.scratch().activated, weights.down.inputs());
}

FeedForward::Buffers FeedForward::sparse() const {
  return buffers(frame_.scratch().expert_up, frame_.scratch().expert_activated, config_.experts.intermediate);
}

void FeedForward::multiply_up(const FeedForwardWeights& weights, const Input& x, const Rows& rows, const Buffers& to,
                              const Share& panels) const {
  const int64_t each = config_.gated ? 2 : 1;
  const Share all{each * panels.first, each * panels.last};
  PassFrame::multiply(weights.up, {.x = x, .rows = rows.count, .y = to.up}, all);
  activate_({.in = to.up.data,
             .in_stride = to.up.stride,
             .rows = rows.count,
             .first = panels.first,
             .last = panels.last,
             .weights = rows.weights,
             .out = to.activated.data,
             .out_stride = to.activated.stride});
}

void FeedForward::open(const FeedForwardWeights& weights, const Input& x, const float* row_weights,
                       const Worker& worker) const {
  multiply_up(weights, x, {frame_.num_rows(), row_weights}, dense(weights), worker.share(panels_of(weights.up)));
}

void FeedForward::close(const FeedForwardWeights& weights, bool add, const Worker& worker) const {
  const Input x = frame_.input(dense(weights).activated, frame_.num_rows(), worker);
  PassFrame::multiply(weights.down, {.x = x, .rows = frame_.num_rows(), .y = frame_.target().rows, .add = add}, worker);
}

// The router's outputs are shared out; what follows from them each thread computes for itself.
const Routing& FeedForward::route(const LayerWeights& layer, const Worker& worker) {
  const int64_t outputs = layer.router.outputs();
  const FloatRows router{frame_.scratch().router.data<float>(), stride_of(config_.experts.count + 1), outputs};
  const Input x = frame_.float_normed(layer.mlp_norm, worker);
  PassFrame::multiply(layer.router, {.x = x, .rows = frame_.num_rows(), .y = router}, worker);
  frame_.barrier();
  Routing& routing = routings_[static_cast<size_t>(worker.thread)];
  routing.choose(config_.experts, router.data, router.stride, frame_.num_rows());
  return routing;
}

void FeedForward::run_experts(const LayerWeights& layer, const Worker& worker) {
  const Routing& routing = route(layer, worker);
  // The experts' rows one group after the other, then those of the shared block; a row alone is the same for all.
  const int64_t rows = frame_.num_rows(), wanted = layer.mlp.up.outputs() > 0 ? pairs() + rows : pairs();
  const auto row_of = [&](int64_t i) { return i < pairs() ? routing.row[static_cast<size_t>(i)] : i - pairs(); };
  const Input x = frame_.normed(layer.mlp_norm.of_rows(), frame_.residual(), rows == 1 ? 1 : wanted, row_of, worker);
  open_experts(layer, routing, x, worker);
  frame_.barrier();
  close_experts(layer, routing, worker);
}

void FeedForward::open_experts(const LayerWeights& layer, const Routing& routing, const Input& x,
                               const Worker& worker) const {
  const auto from = [&](int64_t row) { return x.from(frame_.num_rows() == 1 ? 0 : row); };
  const int64_t panels = panels_of(layer.experts.front().up);
  share_panels(routing.groups, panels, worker, [&](const Routing::Group& group, const Share& share) {
    multiply_up(layer.experts[group.expert], from(group.first), {group.count, routing.weight.data() + group.first},
                sparse().from(group.first, frame_.element()), share);
  });
  if (layer.mlp.up.outputs() > 0) open(layer.mlp, from(pairs()), routing.shared.data(), worker);
}

void FeedForward::close_experts(const LayerWeights& layer, const Routing& routing, const Worker& worker) const {
  const PassFrame::Target to = frame_.target();
  const Share panels = worker.share(layer.experts.front().down.panels());
  if (!to.add) {
    const int64_t panel = frame_.kernels().layer.panel, last = std::min(panels.last * panel, to.rows.size);
    for (int64_t m = 0; m < frame_.num_rows() && panels.first < panels.last; ++m)
      std::fill(to.rows.row(m) + panels.first * panel, to.rows.row(m) + last, 0.0f);
  }
  const Input x = frame_.input(sparse().activated, pairs(), worker);
  for (const Routing::Group& group : routing.groups) {
    PassFrame::multiply(layer.experts[group.expert].down,
                        {.x = x.from(group.first),
                         .rows = group.count,
                         .y = to.rows,
                         .add = true,
                         .y_row = routing.row.data() + group.first},
                        panels);
  }
  if (layer.mlp.up.outputs() == 0) return;
  frame_.release_inputs(frame_.num_rows());
  close(layer.mlp, true, worker);
}

}  // namespace specula
