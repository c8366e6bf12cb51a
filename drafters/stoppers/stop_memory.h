// What a stopper remembers: apart for each sequence of a batch, or one for all requests of a run.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "framework/decode/registry.h"

namespace specula {

inline constexpr const char* kScopeHelp =
    "request: what was learned is forgotten with each request; run: it is kept, so that texts may depend on their "
    "order";
inline const std::vector<std::string> kScopes = {"request", "run"};
inline Scope scope_of(const std::string& option) { return option == "run" ? Scope::kRun : Scope::kRequest; }

template <class State>
class StopMemory {
 public:
  StopMemory(Scope scope, State fresh) : scope_(scope), fresh_(std::move(fresh)) {}

  void begin(size_t batch) {
    if (scope_ == Scope::kRequest) {
      states_.assign(batch, fresh_);
    } else if (states_.empty()) {
      states_.assign(1, fresh_);
    }
  }
  State& at(int b) { return states_[scope_ == Scope::kRequest ? static_cast<size_t>(b) : 0]; }
  const State& at(int b) const { return states_[scope_ == Scope::kRequest ? static_cast<size_t>(b) : 0]; }

 private:
  Scope scope_;
  State fresh_;
  std::vector<State> states_;
};

}  // namespace specula
