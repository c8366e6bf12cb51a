#include "drafters/medusa.h"

#include "drafters/head_drafter.h"

namespace specula {
namespace {

struct Options : HeadOptions {
  Options() { head.name = "medusa"; }
  static HeadPlugin plugin() { return {.name = "medusa", .kind = "medusa", .memory = kStateMemory}; }
};

}  // namespace

Registry<Drafter>::Entry medusa() {
  return head_entry<Options>("Heads on the target's last state name one token each.", "Cai et al. 2024 (Medusa)");
}

}  // namespace specula
