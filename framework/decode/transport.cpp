#include "framework/decode/transport.h"

#include <algorithm>
#include <numeric>

#include "framework/core/error.h"

namespace specula {
namespace {

constexpr double kNothing = 1e-15;  // rounding that is no room for a path
constexpr int kFree = -1, kUnseen = -2;

bool holds(size_t set, int64_t x) { return (set >> x & 1) != 0; }

class Flow {
 public:
  Flow(const std::vector<double>& mass_of_set, const float* p, int64_t vocab)
      : carried(mass_of_set.size(), std::vector<double>(static_cast<size_t>(vocab))),
        left_(mass_of_set),
        room_(p, p + vocab) {}
  std::vector<std::vector<double>> carried;  // [2^V][V]

  // Sends what a shortest path from a set with mass left to a token with room can take; false if there is no path.
  bool augment() {
    const int end = search();
    if (end < 0) return false;
    double amount = room_[end];
    int token = end;
    while (true) {  // token <- set <- token that gives up some of the set's mass <- ...
      const int set = set_before_[token], other = token_before_[set];
      amount = std::min(amount, other == kFree ? left_[set] : carried[set][other]);
      if (other == kFree) break;
      token = other;
    }
    room_[end] -= amount;
    for (token = end;;) {
      const int set = set_before_[token], other = token_before_[set];
      carried[set][token] += amount;
      if (other == kFree) {
        left_[set] -= amount;
        return true;
      }
      carried[set][other] -= amount;
      token = other;
    }
  }

 private:
  // Breadth first; the token where a path ends, or -1.
  int search() {
    set_before_.assign(room_.size(), kUnseen);
    token_before_.assign(left_.size(), kUnseen);
    std::vector<int> sets;
    for (size_t set = 0; set < left_.size(); ++set) {
      if (left_[set] <= kNothing) continue;
      token_before_[set] = kFree;
      sets.push_back(static_cast<int>(set));
    }
    for (size_t i = 0; i < sets.size(); ++i) {
      const auto set = static_cast<size_t>(sets[i]);
      for (int x = 0; x < static_cast<int>(room_.size()); ++x) {
        if (!holds(set, x) || set_before_[x] != kUnseen) continue;
        set_before_[x] = sets[i];
        if (room_[x] > kNothing) return x;
        for (size_t other = 0; other < left_.size(); ++other) {
          if (token_before_[other] != kUnseen || carried[other][x] <= kNothing) continue;
          token_before_[other] = x;
          sets.push_back(static_cast<int>(other));
        }
      }
    }
    return -1;
  }

  std::vector<double> left_, room_;             // of sets, of tokens
  std::vector<int> set_before_, token_before_;  // on the shortest path to a token, to a set
};

}  // namespace

std::vector<double> law_of_sets(const DraftTree& tree, const RoundRows& rows, const std::vector<int>& siblings) {
  const int64_t vocab = rows.vocab();
  SPECULA_CHECK(vocab <= kTransportVocab, "sets of ", vocab, " tokens");
  std::vector<double> mass(size_t{1} << vocab);
  mass[0] = 1;
  for (const int row : siblings) {
    const float* q = rows.q(row);
    const bool without = tree.draw[row] == Draw::kWithoutReplacement;
    std::vector<double> next(mass.size());
    for (size_t set = 0; set < mass.size(); ++set) {
      double whole = 0;
      for (int64_t x = 0; x < vocab; ++x) whole += without && holds(set, x) ? 0 : q[x];
      if (!(mass[set] > 0) || !(whole > 0)) continue;
      for (int64_t x = 0; x < vocab; ++x) {
        if (!without || !holds(set, x)) next[set | size_t{1} << x] += mass[set] * q[x] / whole;
      }
    }
    mass = std::move(next);
  }
  return mass;
}

std::vector<std::vector<double>> transport(const std::vector<double>& mass_of_set, const float* p, int64_t vocab) {
  Flow flow(mass_of_set, p, vocab);
  while (flow.augment()) {
  }
  return std::move(flow.carried);
}

}  // namespace specula
