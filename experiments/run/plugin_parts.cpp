#include "experiments/run/plugin_parts.h"

#include <map>

#include "framework/text/tokenizer.h"

namespace specula {

std::function<const Tokenizer&(const std::string& name)> tokenizers(
    std::function<std::string(const std::string& name)> folder) {
  const auto loaded = std::make_shared<std::map<std::string, std::unique_ptr<Tokenizer>>>();
  return [loaded, folder = std::move(folder)](const std::string& name) -> const Tokenizer& {
    auto& tokenizer = (*loaded)[folder(name)];
    if (tokenizer == nullptr) tokenizer = load_tokenizer(folder(name));
    return *tokenizer;
  };
}

Parts plugin_parts(std::function<const LanguageModel&(const std::string& name)> model, const LanguageModel& target,
                   std::function<std::string(const std::string& name)> folder) {
  return {.model = std::move(model),
          .vocab = target.vocab(),
          .layers = target.layers(),
          .tokenizer = tokenizers(std::move(folder))};
}

}  // namespace specula
