#include "framework/train/token_batches.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <bit>

namespace specula {
namespace {

constexpr int kRounds = 4;
// Streams of keys: which source a row is of, how the rows of a pass over it are shuffled and where they begin.
constexpr int64_t kChoice = 0, kBegin = 1, kShuffle = 2;

int64_t rows_of(const TokenSource& source, int64_t length) {
  return (static_cast<int64_t>(source.ids.size()) - 1) / length;
}

void copy_row(const Token* from, int64_t count, int64_t* to) { std::copy_n(from, count, to); }

}  // namespace

// A Feistel network over the smallest even number of bits that holds `count`; what falls outside goes round again.
int64_t shuffled(int64_t index, int64_t count, const Keyring& keys, int64_t stream) {
  const int half = (std::bit_width(static_cast<uint64_t>(count)) + 1) / 2;
  const uint64_t mask = (uint64_t{1} << half) - 1;
  auto at = static_cast<uint64_t>(index);
  do {
    uint64_t left = at >> half, right = at & mask;
    for (uint32_t round = 0; round < kRounds; ++round) {
      const double u = keys.uniform(Use::kSearch, stream, static_cast<int64_t>(right), round);
      const uint64_t mixed = left ^ static_cast<uint64_t>(u * static_cast<double>(mask + 1));
      left = right;
      right = mixed;
    }
    at = left << half | right;
  } while (at >= static_cast<uint64_t>(count));
  return static_cast<int64_t>(at);
}

TokenBatches::TokenBatches(std::vector<TokenSource> sources, int64_t length, int64_t rows_of_step, uint64_t seed)
    : sources_(std::move(sources)), length_(length), keys_(seed) {
  int64_t rows = 0, tokens = 0;
  for (const TokenSource& source : sources_) {
    const int64_t own = rows_of(source, length_);
    if (own < 1) {
      throw ConfigError(cat("[sources.", source.name, "] has ", source.ids.size(),
                            " tokens for training; one row takes ", length_ + 1, " (batch.length = ", length_, ")"));
    }
    rows += own;
    tokens += static_cast<int64_t>(source.ids.size());
    weights_ += source.weight;
  }
  if (rows < rows_of_step) {
    throw ConfigError(cat("the corpus is shorter than one batch: ", tokens, " tokens are ", rows, " rows of ", length_,
                          "; a step takes ", rows_of_step, " (batch.sequences times batch.accumulate)"));
  }
}

const TokenSource& TokenBatches::source_of(int64_t number) const {
  double left = keys_.uniform(Use::kSearch, kChoice, number, 0) * weights_;
  for (const TokenSource& source : sources_) {
    left -= source.weight;
    if (left < 0) return source;
  }
  return sources_.back();
}

const Token* TokenBatches::row(int64_t number) const {
  const TokenSource& source = source_of(number);
  const auto which = static_cast<uint32_t>(&source - sources_.data());
  const int64_t count = rows_of(source, length_), pass = number / count;
  const auto size = static_cast<int64_t>(source.ids.size());
  const double u = keys_.uniform(Use::kSearch, kBegin, pass, which);  // rows are cut elsewhere in every pass
  const Keyring own = keys_.fork(which);
  const int64_t place = shuffled(number % count, count, own, kShuffle + pass);
  return source.ids.data() +
         (static_cast<int64_t>(u * static_cast<double>(length_)) + place * length_) % (size - length_);
}

Tensor TokenBatches::rows(int64_t first, int64_t count) const {
  Tensor token = at::empty({count, length_ + 1}, at::kLong);
  int64_t* out = token.mutable_data_ptr<int64_t>();
  for (int64_t i = 0; i < count; ++i) copy_row(row(first + i), length_ + 1, out + i * (length_ + 1));
  return token;
}

Tensor rows_in_order(const std::vector<Token>& ids, int64_t length, int64_t most, const std::string& name) {
  const int64_t all = (static_cast<int64_t>(ids.size()) - 1) / length;
  if (all < 1) {
    throw ConfigError(
        cat(name, " has ", ids.size(), " tokens; one row takes ", length + 1, " (batch.length = ", length, ")"));
  }
  const int64_t count = most > 0 ? std::min(all, most) : all;
  Tensor token = at::empty({count, length + 1}, at::kLong);
  int64_t* out = token.mutable_data_ptr<int64_t>();
  for (int64_t i = 0; i < count; ++i) copy_row(ids.data() + i * length, length + 1, out + i * (length + 1));
  return token;
}

}  // namespace specula
