#include "drafters/register.h"
#include "drafters/stoppers/register.h"
#include "experiments/commands.h"
#include "samplers/register.h"
#include "verifiers/register.h"

namespace specula {

Registries make_registries() {
  Registries registries;
  register_drafters(registries.drafters);
  register_verifiers(registries.verifiers);
  register_samplers(registries.samplers);
  register_stoppers(registries.stoppers);
  return registries;
}

}  // namespace specula
