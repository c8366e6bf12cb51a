#include "drafters/register.h"
#include "experiments/commands.h"
#include "samplers/register.h"
#include "verifiers/register.h"

namespace specula {

Registries make_registries() {
  Registries registries;
  register_drafters(registries.drafters);
  register_verifiers(registries.verifiers);
  register_samplers(registries.samplers);
  return registries;
}

}  // namespace specula
