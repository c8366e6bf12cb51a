#include "framework/decode/registry.h"

namespace specula {

const char* name_of(Guarantee guarantee) {
  static constexpr const char* kNames[] = {"exact", "coupled", "greedy exact", "exact for a mixture", "lossy"};
  return kNames[static_cast<int>(guarantee)];
}

const char* name_of(Scope scope) {
  static constexpr const char* kNames[] = {"request", "run", "file"};
  return kNames[static_cast<int>(scope)];
}

const char* name_of(Reads reads) {
  static constexpr const char* kNames[] = {"logits", "text", "generated text", "its own state"};
  return kNames[static_cast<int>(reads)];
}

}  // namespace specula
