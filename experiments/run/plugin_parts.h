// What the plug-ins of an experiment are built from: models by name, and their tokenizers, read when a plug-in asks.
// Licence: Apache-2.0.
#pragma once

#include <functional>
#include <string>

#include "framework/decode/registry.h"

namespace specula {

// `folder` gives the folder of an entry of [models], "" for the target's.  Tokenizers live as long as the Parts or a
// copy of them.
std::function<const Tokenizer&(const std::string& name)> tokenizers(
    std::function<std::string(const std::string& name)> folder);
Parts plugin_parts(std::function<const LanguageModel&(const std::string& name)> model, const LanguageModel& target,
                   std::function<std::string(const std::string& name)> folder);

}  // namespace specula
