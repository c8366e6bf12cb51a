// What the blocks of a pass share: its rows and buffers, the barrier of its threads, and rows as products read them.
// Every thread of one parallel region walks through the same calls and takes its share of each.  Up to kFewRows rows
// each thread normalises and quantizes for itself, which is cheaper than a barrier.  Licence: Apache-2.0.
#pragma once

#include <algorithm>
#include <span>

#include "framework/model/engine/attention_plan.h"
#include "framework/model/engine/barrier.h"
#include "framework/model/engine/decoder_cache.h"
#include "framework/model/engine/decoder_weights.h"

namespace specula {

// Rows are apart by a little more than their size: distances of a power of two would fall into the same cache sets.
inline int64_t stride_of(int64_t n) { return padded(n, 16) + 32; }
void need(AlignedBuffer& buffer, int64_t bytes);  // grows it; zeros

struct Share {
  int64_t first, last;
};
struct Worker {  // one thread of the region
  int thread, count;
  Share share(int64_t items) const { return {items * thread / count, items * (thread + 1) / count}; }
};

struct FloatRows {
  float* data;
  int64_t stride, size;
  float* row(int64_t m) const { return data + m * stride; }
};
struct PlainRows {  // as the row kernels write them
  char* data;
  int64_t stride, size;  // elements
};
struct Input {  // rows as a product reads them
  const char* data;
  int64_t stride;  // bytes
  Input from(int64_t row) const { return {data + row * stride, stride}; }
};
struct Product {
  Input x;
  int64_t rows;
  FloatRows y;
  bool add = false;                // to what y holds
  const int64_t* y_row = nullptr;  // [rows] rows of y
};

class PassFrame {
 public:
  PassFrame(const DecoderWeights& weights, DecoderCache& cache, std::span<const PassRow> rows);

  const DecoderWeights& weights() const { return weights_; }
  const DecoderConfig& config() const { return weights_.config(); }
  const Kernels& kernels() const { return weights_.kernels(); }
  DecoderCache& cache() const { return cache_; }
  PassScratch& scratch() const { return cache_.scratch(); }
  std::span<const PassRow> rows() const { return rows_; }
  int64_t num_rows() const { return static_cast<int64_t>(rows_.size()); }
  int num_threads() const { return num_threads_; }
  int64_t element() const { return kernels().plain_bytes; }
  FloatRows residual() const { return {scratch().residual.data<float>(), stride_of(config().hidden), config().hidden}; }

  void begin(int threads) { running_ = threads; }
  void barrier() { barrier_.wait(running_); }
  // Before rows are made for a product while another thread may still read the last ones.
  void release_inputs(int64_t rows) {
    if (!is_few(rows)) barrier();
  }

  // Row row_of(i) of `from`, normalised, becomes row i.
  template <class RowOf>
  Input normed(const RowNorm& norm, const FloatRows& from, int64_t rows, RowOf row_of, const Worker& worker);
  Input normed(const Norm& norm, const Worker& worker) {  // of the residual stream
    return normed(
        norm.of_rows(), residual(), num_rows(), [](int64_t i) { return i; }, worker);
  }
  // The same as float32, whatever the format of the layers.
  Input float_normed(const Norm& norm, const Worker& worker);
  // Rows that every thread can read by now.
  Input input(const PlainRows& rows, int64_t count, const Worker& worker);

  static void multiply(const PackedMatrix& matrix, const Product& product, const Share& panels);
  static void multiply(const PackedMatrix& matrix, const Product& product, const Worker& worker) {
    multiply(matrix, product, worker.share(matrix.panels()));
  }

  // Where a block's result goes: to the residual stream, or into a buffer where it is normalised before it is added.
  struct Target {
    FloatRows rows;
    bool add;
  };
  Target target() const;
  // Behind a block: its result is normalised where the architecture does so, and every thread may read the stream.
  void settle(const Norm& post, const Worker& worker);

 private:
  static constexpr int64_t kFewRows = 4;
  static bool is_few(int64_t rows) { return rows <= kFewRows; }
  bool is_quantized() const { return kernels().quantize != nullptr; }
  int64_t wide() const {
    return std::max(config().is_head() ? 2 * config().hidden : config().hidden, config().embedded());
  }
  int64_t normed_stride() const { return stride_of(wide()); }  // elements
  int64_t quantized_stride() const;                            // bytes; one stride serves every product
  char* quantized_rows(int64_t rows, const Worker& worker) const;
  void quantize_row(const PlainRows& x, int64_t m, char* rows) const;

  const DecoderWeights& weights_;
  DecoderCache& cache_;
  std::span<const PassRow> rows_;
  int num_threads_;
  Barrier barrier_;
  std::atomic<int> running_{1};  // threads of the region
};

template <class RowOf>
Input PassFrame::normed(const RowNorm& norm, const FloatRows& from, int64_t rows, RowOf row_of, const Worker& worker) {
  const bool is_own = is_few(rows);
  char* data = is_own ? scratch().own_normed.data() + worker.thread * kFewRows * normed_stride() * element()
                      : scratch().normed.data();
  const PlainRows plain{data, normed_stride(), from.size};
  char* quantized = quantized_rows(rows, worker);
  const Share mine = is_own ? Share{0, rows} : worker.share(rows);
  for (int64_t i = mine.first; i < mine.last; ++i) {
    kernels().norm(norm, from.row(row_of(i)), from.size, data + i * plain.stride * element());
    if (is_quantized()) quantize_row(plain, i, quantized);
  }
  if (!is_own) barrier();
  return is_quantized() ? Input{quantized, quantized_stride()} : Input{data, plain.stride * element()};
}

}  // namespace specula
