// What a sweep leaves out: "arm.sps-g5.drafter.length > 8 && sampler.temperature >= 1.0".  Keys of the configuration,
// numbers, true, false and "texts"; == != < <= > >=, !, &&, || and parentheses.  Licence: Apache-2.0.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "framework/core/value.h"

namespace specula {

class Condition {
 public:
  // Throws ConfigError with the column of what cannot be read.
  Condition(const std::string& text, const std::string& origin);
  ~Condition();
  Condition(Condition&&) noexcept;

  // The value of a key in one cell; throws ConfigError for a key that is not there.
  using Lookup = std::function<Value(const std::string& path, const std::string& origin)>;
  // Throws ConfigError where values cannot be compared ("text" < 3), and what `lookup` throws.
  bool holds(const Lookup& lookup) const;

  struct Node;

 private:
  std::unique_ptr<Node> root_;
};

}  // namespace specula
