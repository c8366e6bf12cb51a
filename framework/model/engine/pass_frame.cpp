#include "framework/model/engine/pass_frame.h"

#include "framework/model/threads.h"

namespace specula {

void need(AlignedBuffer& buffer, int64_t bytes) {
  if (buffer.size() >= static_cast<size_t>(bytes)) return;
  buffer = AlignedBuffer(static_cast<size_t>(bytes));
  buffer.clear();
}

PassFrame::PassFrame(const DecoderWeights& weights, DecoderCache& cache, std::span<const PassRow> rows)
    : weights_(weights), cache_(cache), rows_(rows), num_threads_(threads()) {
  // A sparse layer has a row for each expert that a row uses, and one for the block that all use.
  const int64_t most = num_rows() * (config().experts.top + 1);
  PassScratch& s = scratch();
  need(s.residual, num_rows() * residual().stride * 4);
  need(s.normed, most * normed_stride() * element());
  need(s.own_normed, num_threads_ * kFewRows * normed_stride() * element());
  need(s.quantized, most * quantized_stride());
  need(s.own_quantized, num_threads_ * kFewRows * quantized_stride());
  if (config().places.after) need(s.block, num_rows() * residual().stride * 4);
  if (config().experts.count > 0) need(s.float_normed, (num_rows() + num_threads_ * kFewRows) * residual().stride * 4);
}

int64_t PassFrame::quantized_stride() const {
  const int64_t widest = std::max({wide(), config().heads * config().head_dim, config().intermediate,
                                   config().experts.intermediate, config().experts.shared_intermediate});
  return is_quantized() ? row_bytes(RowFormat::kQuantized, widest) + 128 : 0;
}

char* PassFrame::quantized_rows(int64_t rows, const Worker& worker) const {
  if (!is_few(rows)) return scratch().quantized.data();
  return scratch().own_quantized.data() + worker.thread * kFewRows * quantized_stride();
}

void PassFrame::quantize_row(const PlainRows& x, int64_t m, char* rows) const {
  const auto* from = reinterpret_cast<const float*>(x.data + m * x.stride * element());
  kernels().quantize(from, x.size, rows + m * quantized_stride());
}

Input PassFrame::float_normed(const Norm& norm, const Worker& worker) {
  const bool is_own = is_few(num_rows());
  const FloatRows from = residual();
  FloatRows to = from;
  to.data = scratch().float_normed.data<float>();  // the rows of all, then those of each thread
  if (is_own) to.data = to.row(num_rows() + worker.thread * kFewRows);
  const Share mine = is_own ? Share{0, num_rows()} : worker.share(num_rows());
  for (int64_t m = mine.first; m < mine.last; ++m)
    kernels().float_norm(norm.of_rows(), from.row(m), from.size, to.row(m));
  if (!is_own) barrier();
  return {reinterpret_cast<const char*>(to.data), to.stride * 4};
}

Input PassFrame::input(const PlainRows& rows, int64_t count, const Worker& worker) {
  if (!is_quantized()) return {rows.data, rows.stride * element()};
  char* quantized = quantized_rows(count, worker);
  const Share mine = is_few(count) ? Share{0, count} : worker.share(count);
  for (int64_t m = mine.first; m < mine.last; ++m) quantize_row(rows, m, quantized);
  if (!is_few(count)) barrier();
  return {quantized, quantized_stride()};
}

void PassFrame::multiply(const PackedMatrix& matrix, const Product& product, const Share& panels) {
  GemmArgs args = matrix.args();
  args.x = product.x.data;
  args.x_stride = product.x.stride;
  args.rows = product.rows;
  args.y = product.y.data;
  args.y_stride = product.y.stride;
  args.y_row = product.y_row;
  args.add = product.add;
  matrix.kernel().gemm(args, panels.first, panels.last);
}

PassFrame::Target PassFrame::target() const {
  if (!config().places.after) return {residual(), true};
  FloatRows rows = residual();
  rows.data = scratch().block.data<float>();
  return {rows, false};
}

void PassFrame::settle(const Norm& post, const Worker& worker) {
  barrier();
  const NormPlaces& places = config().places;
  if (!places.after && !places.sum) return;
  const FloatRows stream = residual(), block = target().rows;
  const Share mine = worker.share(num_rows());
  for (int64_t m = mine.first; m < mine.last; ++m) {
    float *x = stream.row(m), *y = block.row(m);
    kernels().float_norm(post.of_rows(), y, stream.size, y);
    if (!places.after) continue;  // the sum stands in the stream
    for (int64_t i = 0; i < stream.size; ++i) x[i] += y[i];
  }
  barrier();
}

}  // namespace specula
