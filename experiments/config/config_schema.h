// JSON Schema (draft 2020-12) of an experiment file, made from the registries and the keys of every section, so that an
// editor completes and checks it.  It knows what a file alone can say: names of models, arms and shared plug-ins, and
// what an included file adds, are left to `specula config check`.  Licence: Apache-2.0.
#pragma once

#include <string>

#include "framework/decode/registry.h"

namespace specula {

std::string config_schema(const Registries& registries);

}  // namespace specula
