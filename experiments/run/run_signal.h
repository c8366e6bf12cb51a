// SIGINT, SIGTERM and SIGUSR1 while a run is going: the current round is finished, complete prompts are kept, and
// running again goes on.  A second SIGINT ends at once.  Licence: Apache-2.0.
#pragma once

#include <atomic>

#include "framework/core/error.h"

namespace specula {

class SignalScope {  // one at a time
 public:
  SignalScope();
  ~SignalScope();  // puts the former handlers back
  SignalScope(const SignalScope&) = delete;
  SignalScope& operator=(const SignalScope&) = delete;

  const std::atomic<bool>& flag() const;
  bool interrupted() const { return flag().load(); }
  ExitCode code() const;  // kUserInterrupt after SIGINT, else kInterrupted
};

}  // namespace specula
