#include "framework/train/online_distill.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <c10/core/InferenceMode.h>
#include <unistd.h>

#include <atomic>
#include <cmath>

#include "framework/core/error.h"

namespace specula {
namespace {

namespace fs = std::filesystem;

constexpr double kMostNorm = 1;  // of all gradients
const DecoderTraining kTraining{.autocast = false, .written = WrittenDtype::kFloat32};

// Whoever decodes forbids gradients, for good of every tensor that is made meanwhile.
template <class Work>
auto where_gradients_are(const Work& work) {
  const c10::InferenceMode off(false);
  return work();
}

// A new name for each, of this process.
fs::path scratch_folder() {
  static std::atomic<int> count{0};
  return fs::temp_directory_path() / cat("specula-online-", ::getpid(), "-", ++count);
}

}  // namespace

OnlineDistill::OnlineDistill(const fs::path& folder, Dtype dtype, Divergence loss, double learning_rate)
    : dtype_(dtype),
      loss_(loss),
      learning_rate_(learning_rate),
      decoder_(where_gradients_are([&] { return LearningDecoder(read_decoder(folder), kTraining); })),
      adamw_(where_gradients_are([&] { return AdamW(decoder_.parameters(), {}); })) {}

double OnlineDistill::learn(const std::vector<HeardText>& texts) {
  return where_gradients_are([&] { return step(texts); });
}

double OnlineDistill::step(const std::vector<HeardText>& texts) {
  size_t places = 0;
  for (const HeardText& heard : texts) places += heard.place.size();
  SPECULA_CHECK(places > 0, "nothing was heard");
  adamw_.forget_gradients();
  double mean = 0;
  for (const HeardText& heard : texts) {
    if (heard.place.empty()) continue;
    const Tensor token = at::tensor(std::vector<int64_t>(heard.text.begin(), heard.text.end())).unsqueeze(0);
    const Tensor states = decoder_.final_states(token).index_select(0, at::tensor(heard.place));
    const Tensor log_p = at::log_softmax(at::stack(heard.logits).clone(), -1);
    const Tensor log_q = at::log_softmax(decoder_.logits(states), -1);
    const Tensor loss = divergence(loss_, log_p, log_q, 0.5) / static_cast<double>(places);
    mean += loss.item<double>();
    loss.backward();
  }
  if (!std::isfinite(mean)) throw Error(cat("online learning: the loss of step ", steps_ + 1, " is ", mean));
  adamw_.clip(kMostNorm);
  adamw_.step(learning_rate_, ++steps_);
  return mean;
}

std::unique_ptr<LoadedModel> OnlineDistill::model() const {
  const fs::path folder = scratch_folder();
  decoder_.write(folder);
  auto loaded = load_model(folder, {.dtype = dtype_});
  fs::remove_all(folder);
  return loaded;
}

}  // namespace specula
