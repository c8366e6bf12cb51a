#include "framework/model/aten/library_choice.h"

#include <ATen/ops/ones.h>

#include <algorithm>
#include <limits>

#include "framework/core/clock.h"

namespace specula {
namespace {

constexpr int64_t kManyRows = 64;
constexpr int kTurns = 4;      // the first one warms up
constexpr double kWorth = .9;  // of ATen's time

double seconds_of(const LibraryLinear& linear, const Tensor& x) {
  const double start = seconds_now();
  linear(x);
  return seconds_now() - start;
}

// The best of a few turns: whatever else runs only ever adds time.
std::vector<LibraryTimes> measure(const std::vector<LibraryLinear>& candidates, const Tensor& weight) {
  const Tensor one = at::ones({1, weight.size(1)}, weight.options()),
               many = at::ones({kManyRows, weight.size(1)}, weight.options());
  constexpr double kNever = std::numeric_limits<double>::infinity();
  std::vector<LibraryTimes> best(candidates.size(), {kNever, kNever});
  for (int turn = 0; turn < kTurns; ++turn) {
    for (size_t i = 0; i < candidates.size(); ++i) {
      const LibraryTimes now{seconds_of(candidates[i], one), seconds_of(candidates[i], many)};
      if (turn == 0) continue;
      best[i] = {std::min(best[i].one_row, now.one_row), std::min(best[i].many_rows, now.many_rows)};
    }
  }
  return best;
}

Library choose(const Tensor& weight, const Tensor& bias) {
  std::vector<LibraryLinear> candidates;
  for (const Library library : libraries_for(weight.scalar_type(), weight.device()))
    candidates.emplace_back(library, weight, bias);
  if (candidates.size() == 1) return candidates.front().library();
  const std::vector<LibraryTimes> times = measure(candidates, weight);
  return candidates[is_faster(times[1], times[0]) ? 1 : 0].library();
}

}  // namespace

bool is_faster(const LibraryTimes& other, const LibraryTimes& aten) {
  return other.one_row * other.many_rows < kWorth * kWorth * aten.one_row * aten.many_rows;
}

LibraryLinear LibraryChoice::make(const Tensor& weight, const Tensor& bias) {
  const std::pair shape{weight.size(0), weight.size(1)};
  auto found = chosen_.find(shape);
  if (found == chosen_.end()) found = chosen_.emplace(shape, choose(weight, bias)).first;
  return {found->second, weight, bias};
}

std::string LibraryChoice::text() const {
  const auto packed =
      std::count_if(chosen_.begin(), chosen_.end(), [](const auto& entry) { return entry.second == Library::kOneDnn; });
  if (packed == 0) return "";
  const std::string name = name_of(Library::kOneDnn);
  const auto all = static_cast<std::ptrdiff_t>(chosen_.size());
  return packed == all ? name : cat(name, " for ", packed, " of ", all, " shapes");
}

}  // namespace specula
