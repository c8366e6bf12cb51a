#include "drafters/mtp.h"

#include "drafters/head_drafter.h"

namespace specula {
namespace {

struct Options : HeadOptions {
  Options() { head.name = "mtp"; }
  static HeadPlugin plugin() { return {.name = "mtp", .kind = "mtp", .memory = kLayerMemory}; }
};

}  // namespace

Registry<Drafter>::Entry mtp() {
  return head_entry<Options>("The module for the next token but one, applied to its own output.",
                             "DeepSeek-AI 2024 (MTP)");
}

}  // namespace specula
