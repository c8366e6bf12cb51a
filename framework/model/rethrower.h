// Exceptions must not leave a parallel region: what a thread throws within is thrown again behind it.
// Licence: Apache-2.0.
#pragma once

#include <exception>
#include <mutex>

namespace specula {

class Rethrower {
 public:
  template <class Work>
  void run(Work work) {
    try {
      work();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }
  void rethrow() const {  // the first of them, if there was one
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr error_;
};

}  // namespace specula
