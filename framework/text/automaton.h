// A regular expression as a deterministic automaton over the bytes of UTF-8: what a constraint on tokens walks.  States
// from which nothing can be completed do not exist, so that whatever is not dead can still become a match.  Licence:
// Apache-2.0.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "framework/text/expression.h"

namespace specula {

class Automaton {
 public:
  using State = int32_t;
  static constexpr State kDead = -1;

  // Throws ConfigError when it would need more than kMostStates.
  static constexpr int kMostStates = 50000;
  explicit Automaton(const Pattern& pattern);

  State start() const { return 0; }
  State next(State state, uint8_t byte) const {
    return table_[static_cast<size_t>(state) * num_classes_ + class_of_[byte]];
  }
  State walk(State state, std::string_view bytes) const;  // kDead where they lead out
  bool is_accepting(State state) const { return accepting_[static_cast<size_t>(state)] != 0; }
  int size() const { return static_cast<int>(accepting_.size()); }

 private:
  std::array<uint8_t, 256> class_of_{};  // bytes that no edge tells apart
  size_t num_classes_ = 0;
  std::vector<State> table_;  // [states, classes]
  std::vector<char> accepting_;
};

}  // namespace specula
