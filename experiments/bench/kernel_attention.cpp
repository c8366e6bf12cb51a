#include <omp.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "experiments/bench/kernel_cases.h"
#include "framework/core/error.h"
#include "framework/model/aligned_buffer.h"
#include "framework/model/kernels/kernels.h"
#include "framework/model/threads.h"

namespace specula {
namespace {

constexpr int64_t kMemory = int64_t{96} << 20;  // bytes of keys and values that rotate
constexpr int64_t kHeadDim = 64;
constexpr int64_t kMostTail = 16;  // more than any case has rows

struct AttentionShape {
  Dtype dtype;
  int64_t context, rows, group;
  int64_t slots() const { return padded(context + rows, 4 * kKeyTile); }
};

// Key heads that hold a text of `context` tokens and a chain of `rows` behind it.
class AttentionTrial {
 public:
  explicit AttentionTrial(const AttentionShape& shape)
      : shape_(shape),
        kernels_(make_kernels(shape.dtype)),
        threads_(threads()),
        head_bytes_(2 * shape.slots() * kHeadDim * kernels_.cache_bytes),
        heads_(padded(std::max<int64_t>(kMemory / head_bytes_, 1), threads_)),
        memory_(static_cast<size_t>(heads_ * head_bytes_)),
        query_(static_cast<size_t>(shape.rows * query_stride()), .25f) {
    fill();
    for (int64_t r = 0; r < shape.rows; ++r) paths_.push_back({shape.context + r + 1, nullptr, 0});
    scratch_bytes_ = padded(attention_scratch(kHeadDim, kHeadDim, kMostTail), 64);
    score_bytes_ = kMostQueries * shape.slots() * 4;
    out_bytes_ = shape.rows * query_stride() * 4;
    scratch_ = AlignedBuffer(static_cast<size_t>(threads_ * (scratch_bytes_ + score_bytes_ + out_bytes_)));
  }

  void run() {
#pragma omp parallel num_threads(threads_)
    attend(omp_get_thread_num());
    next_ = (next_ + 1) % (heads_ / threads_);
  }

 private:
  int64_t query_stride() const { return shape_.group * kHeadDim + 32; }  // apart, as rows of a pass are
  KvHead head(int64_t index) const {
    char* const keys = memory_.data() + index * head_bytes_;
    return {keys, keys + head_bytes_ / 2, kHeadDim, kHeadDim};
  }

  // One head slot by slot, the others as copies.
  void fill() {
    memory_.clear();
    std::vector<float> key(kHeadDim), rotation(kHeadDim, 0.0f);
    std::fill_n(rotation.begin(), kHeadDim / 2, 1.0f);  // by no angle
    for (int64_t slot = 0; slot < shape_.context + shape_.rows; ++slot) {
      for (int64_t d = 0; d < kHeadDim; ++d)
        key[static_cast<size_t>(d)] = static_cast<float>((slot * 37 + d * 11) % 64 - 32) / 32;
      kernels_.store(key.data(), key.data(), {rotation.data(), kHeadDim}, head(0), slot);
    }
    for (int64_t h = 1; h < heads_; ++h) std::memcpy(head(h).keys, head(0).keys, static_cast<size_t>(head_bytes_));
  }

  void attend(int64_t thread) const {
    const int64_t each = heads_ / threads_, index = thread * each + next_;
    char* const scratch = scratch_.data() + thread * (scratch_bytes_ + score_bytes_ + out_bytes_);
    AttendArgs args{};
    args.head = head(index);
    args.query = query_.data();
    args.query_stride = query_stride();
    args.paths = paths_.data();
    args.rows = shape_.rows;
    args.group = shape_.group;
    args.scratch = scratch;
    args.scores = reinterpret_cast<float*>(scratch + scratch_bytes_);
    args.scores_stride = shape_.slots();
    args.out = scratch + scratch_bytes_ + score_bytes_;
    args.out_stride = query_stride();
    args.blocks = kernels_.blocks;
    const char* const after = static_cast<const char*>(head(thread * each + (next_ + 1) % each).keys);
    args.ahead = {after, after + std::min(head_bytes_ / 2, kMostAhead)};
    kernels_.attend(args);
  }

  AttentionShape shape_;
  Kernels kernels_;
  int threads_;
  int64_t head_bytes_, heads_, next_ = 0;
  int64_t scratch_bytes_ = 0, score_bytes_ = 0, out_bytes_ = 0;  // of a thread
  AlignedBuffer memory_, scratch_;
  std::vector<float> query_;
  std::vector<RowPath> paths_;
};

KernelCase attention_case(const AttentionShape& shape) {
  const double seen = static_cast<double>(shape.context + shape.rows) * threads();
  const double queries = static_cast<double>(shape.rows * shape.group);
  return {.name = cat("attention/", name_of(shape.dtype), "/context:", shape.context, "/rows:", shape.rows,
                      "/group:", shape.group),
          .bytes = seen * 2 * kHeadDim * (shape.dtype == Dtype::kFloat32 ? 4 : 2),
          .flops = seen * queries * 4 * kHeadDim,
          .prepare = [shape]() -> std::function<void()> {
            const auto trial = std::make_shared<AttentionTrial>(shape);  // std::function wants what can be copied
            return [trial] { trial->run(); };
          }};
}

}  // namespace

std::vector<KernelCase> attention_cases() {
  std::vector<KernelCase> cases;
  for (const Dtype dtype : {Dtype::kFloat32, Dtype::kBfloat16}) {
    for (const int64_t context : {64, 1024, 4096}) {
      for (const int64_t rows : {1, 5, 8}) {
        for (const int64_t group : {1, 8}) cases.push_back(attention_case({dtype, context, rows, group}));
      }
    }
  }
  return cases;
}

}  // namespace specula
