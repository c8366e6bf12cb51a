#include "framework/train/training_group.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros_like.h>

#include <charconv>
#include <cstring>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

namespace specula {
namespace {

int number_of(const std::string& text) {  // -1: it is none
  int number = -1;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  return code == std::errc() && end == text.data() + text.size() ? number : -1;
}

std::string key_of(int64_t round, int rank) { return cat("round-", round, "-", rank); }

template <class Value>
void append(std::vector<uint8_t>& bytes, const Value* values, size_t count) {
  const auto* from = reinterpret_cast<const uint8_t*>(values);
  bytes.insert(bytes.end(), from, from + count * sizeof(Value));
}

}  // namespace

struct TrainingGroup::Store {
  c10::intrusive_ptr<c10d::TCPStore> tcp;
};

GroupPlace parse_group_place(const std::string& rank, const std::string& meet) {
  const size_t slash = rank.find('/'), colon = meet.rfind(':');
  GroupPlace place;
  place.rank = number_of(rank.substr(0, slash));
  place.size = slash == std::string::npos ? -1 : number_of(rank.substr(slash + 1));
  if (place.rank < 0 || place.size < 1 || place.rank >= place.size)
    throw ConfigError(cat("--rank ", rank, ": expected the form I/N with I from 0 to N - 1, as in 0/2"));
  place.host = meet.substr(0, colon);
  place.port = colon == std::string::npos ? -1 : number_of(meet.substr(colon + 1));
  if (place.host.empty() || place.port < 1 || place.port > 65535)
    throw ConfigError(cat("--meet ", meet, ": expected HOST:PORT of rank 0, as in localhost:29500"));
  return place;
}

TrainingGroup::TrainingGroup(const GroupPlace& place) : place_(place), store_(std::make_unique<Store>()) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(place_.port);
  options.isServer = place_.rank == 0;
  options.numWorkers = static_cast<size_t>(place_.size);
  try {
    store_->tcp = c10::make_intrusive<c10d::TCPStore>(place_.host, options);
  } catch (const std::exception& e) {
    throw Error(cat("rank ", place_.rank, " of ", place_.size, " at ", place_.host, ":", place_.port, ": ", e.what()));
  }
}

TrainingGroup::~TrainingGroup() {
  try {  // rank 0 holds the store: it goes last
    const std::string ended = "ended";
    if (store_->tcp->add(ended, 1) == place_.size) store_->tcp->set("all-ended", std::vector<uint8_t>(1));
    if (place_.rank == 0) store_->tcp->wait({"all-ended"}, std::chrono::seconds(10));
  } catch (const std::exception&) {  // another process died: nothing is left to wait for
  }
}

std::vector<uint8_t> TrainingGroup::exchanged(const std::vector<uint8_t>& own, int rank) const {
  if (rank == place_.rank) return own;
  try {
    return store_->tcp->get(key_of(round_, rank));
  } catch (const std::exception& e) {
    throw Error(cat("rank ", rank, " of ", place_.size, " does not answer rank ", place_.rank, ": ", e.what()));
  }
}

void TrainingGroup::agree(const std::string& what, const std::string& text) {
  ++round_;
  const std::vector<uint8_t> own(text.begin(), text.end());
  store_->tcp->set(key_of(round_, place_.rank), own);
  for (int rank = 0; rank < place_.size; ++rank) {
    if (exchanged(own, rank) != own)
      throw Error(cat("rank ", rank, " has another ", what, " than rank ", place_.rank, "; all must train the same"));
  }
}

void TrainingGroup::average(const std::vector<Tensor>& tensors, std::vector<double>& numbers) {
  const at::NoGradGuard no_grad;
  ++round_;
  std::vector<uint8_t> own;
  append(own, numbers.data(), numbers.size());
  for (const Tensor& tensor : tensors) {
    const Tensor flat = tensor.to(at::kCPU).contiguous();
    append(own, flat.const_data_ptr<float>(), static_cast<size_t>(flat.numel()));
  }
  store_->tcp->set(key_of(round_, place_.rank), own);
  std::vector<double> sums(numbers.size(), 0.0);
  for (const Tensor& tensor : tensors) tensor.zero_();
  for (int rank = 0; rank < place_.size; ++rank) {
    std::vector<uint8_t> theirs = exchanged(own, rank);
    SPECULA_CHECK(theirs.size() == own.size(), theirs.size(), " bytes of rank ", rank, ", own ", own.size());
    std::memcpy(numbers.data(), theirs.data(), numbers.size() * sizeof(double));
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += numbers[i] / place_.size;
    uint8_t* at = theirs.data() + numbers.size() * sizeof(double);
    for (const Tensor& tensor : tensors) {
      tensor.add_(at::from_blob(at, tensor.sizes(), at::kFloat).to(tensor.device()), 1.0 / place_.size);
      at += static_cast<size_t>(tensor.numel()) * sizeof(float);
    }
  }
  numbers = sums;
  // Who has everybody's part of this round knows that all have read the last one's.
  store_->tcp->deleteKey(key_of(round_ - 1, place_.rank));
}

}  // namespace specula
