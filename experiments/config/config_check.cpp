// What can be known of the named folders and files before any weights load.  Licence: Apache-2.0.
#include <map>
#include <set>

#include "experiments/config/config_reader.h"
#include "experiments/scores/scoring.h"
#include "framework/core/files.h"
#include "framework/model/device.h"
#include "framework/model/load.h"
#include "framework/text/prompts.h"
#include "framework/text/tokenizer.h"

namespace specula {
namespace {

using ModelFacts = KnownFiles::Model;

// Both throw Error for what cannot be read.
ModelFacts read_model_facts(const std::string& folder) {
  ModelFacts facts{.info = read_model_info(folder)};
  if (has_tokenizer(folder)) {
    const auto tokenizer = load_tokenizer(folder);
    facts.tokenizer = tokenizer->fingerprint();
    facts.tokenizer_vocab = tokenizer->vocab();
  }
  return facts;
}

KnownFiles::Prompts read_prompt_facts(const std::string& file) {
  KnownFiles::Prompts facts;
  for (const Prompt& prompt : load_prompts(file)) {
    if (std::find(facts.categories.begin(), facts.categories.end(), prompt.category) == facts.categories.end())
      facts.categories.push_back(prompt.category);
    facts.names_scorers = facts.names_scorers || !prompt.scorer.empty();
  }
  facts.sha256 = sha256(read_file(file));
  return facts;
}

template <class Facts, class Read>
const Facts& remembered(std::map<std::string, Facts>& known, const std::string& path, const Read& read) {
  const auto found = known.find(path);
  return found != known.end() ? found->second : known.emplace(path, read(path)).first->second;
}

class FileChecker {
 public:
  FileChecker(const ExperimentConfig& config, KnownFiles& known, Problems& problems)
      : config_(config), known_(known), problems_(problems) {}

  FileFacts check() {
    FileFacts facts;
    for (const ModelConfig& model : config_.models) {
      read_model(model);
      const auto known = models_.find(model.name);
      facts.model_fingerprints.push_back(known == models_.end() ? "" : known->second.info.fingerprint);
    }
    for (const ArmConfig& arm : config_.arms) {
      check_arm(arm);
      for (const std::string& file : arm.composed.drafter.files) hash_file(arm, file, facts);
    }
    if (!config_.data.file.empty()) facts.prompts_sha256 = check_prompts();
    if (!config_.data.pad_file.empty()) facts.pad_sha256 = check_padding();
    return facts;
  }

 private:
  const Value& key(const std::string& section, const std::string& name) const {
    return *config_.resolved.find(section)->find(name);
  }

  void read_model(const ModelConfig& model) {
    check_device_of(model);
    if (model.folder.empty()) return;  // told already: it lacks its path
    const std::string place = cat(key("models", model.name).find("path")->origin, ": [models.", model.name,
                                  "] path = ", quoted(model.path), ": ");
    try {
      const ModelFacts& facts = remembered(known_.models, model.folder, read_model_facts);
      if (facts.tokenizer_vocab > facts.info.vocab) {
        problems_.add(cat(place, "its tokenizer has ", facts.tokenizer_vocab,
                          " tokens, but the model's vocabulary holds ", facts.info.vocab,
                          "; expected at most as many"));
      }
      models_.emplace(model.name, facts);
    } catch (const Error& e) {
      problems_.add(place + e.what());
    }
  }

  void check_device_of(const ModelConfig& model) {
    const Value& table = key("models", model.name);
    const Value *device = table.find("device"), *dtype = table.find("dtype");
    if (device == nullptr || dtype == nullptr) return;  // told already: they could not be read
    const std::string section = cat(": [models.", model.name, "] ");
    try {
      check_device(model.device, cat(device->origin, section, "device"));
      if (model.dtype == "auto") return;
      check_device_dtype(model.device, parse_dtype(model.dtype, section), cat(dtype->origin, section, "dtype"));
    } catch (const ConfigError& e) {
      problems_.add(e.what());
    }
  }

  void hash_file(const ArmConfig& arm, const std::string& path, FileFacts& facts) {
    if (facts.plugin_files.contains(path)) return;
    try {
      facts.plugin_files[path] = remembered(known_.sha256, path, sha256_of_file);
    } catch (const Error& e) {
      problems_.add(cat(arm.drafter.values.origin, ": [arm.", arm.name, "] drafter: ", e.what()));
    }
  }

  // A draft model with a vocabulary of its own needs the tokenizer that gives its ids their meaning.
  void check_foreign_models(const ArmConfig& arm) {
    for (const std::string& name : arm.composed.drafter.foreign_models) {
      const auto draft = models_.find(name);
      if (draft == models_.end()) continue;
      if (draft->second.tokenizer.empty()) {
        problems_.add(cat(arm.drafter.values.origin, ": [arm.", arm.name, "] drafter model '", name,
                          "' has no tokenizer, and its ids must be translated; expected one in ",
                          config_.model(name).folder));
      }
      check_context(name, draft->second);
    }
  }

  void check_arm(const ArmConfig& arm) {
    const auto target = models_.find(arm.target);
    if (target == models_.end()) return;
    const std::string& place = arm.origin();
    if (arm.strategy && config_.measure.batch > 1)
      problems_.add(cat(place, ": [arm.", arm.name,
                        "] decodes by a strategy, one text at a time, and [measure] batch = ", config_.measure.batch,
                        "; expected batch = 1"));
    if (target->second.tokenizer.empty() && checked_targets_.insert(arm.target).second) {
      problems_.add(cat(key("models", arm.target).find("path")->origin, ": [models.", arm.target,
                        "] has no tokenizer, and the prompts are text; expected one in ",
                        config_.model(arm.target).folder));
    }
    check_context(arm.target, target->second);
    check_same_tokenizer(arm, target->second);
    check_foreign_models(arm);
    for (const std::string& name : arm.composed.drafter.models) {
      const auto draft = models_.find(name);
      if (draft == models_.end()) continue;
      const auto mismatch = [&](const std::string& what) {
        problems_.add(
            cat(place, ": [arm.", arm.name, "] drafter model '", name, "' and target '", arm.target, "' ", what));
      };
      if (draft->second.info.vocab != target->second.info.vocab) {
        mismatch(cat("have vocabularies of ", draft->second.info.vocab, " and ", target->second.info.vocab,
                     "; expected the same"));
      } else if (!draft->second.tokenizer.empty() && !target->second.tokenizer.empty() &&
                 draft->second.tokenizer != target->second.tokenizer) {
        mismatch("have different tokenizers; expected the same");
      }
      if (!draft->second.info.head.empty())
        problems_.add(cat(place, ": [arm.", arm.name, "] drafter model '", name, "' is a head of kind '",
                          draft->second.info.head,
                          "', which cannot draft by itself; expected a model, or that drafter"));
      check_context(name, draft->second);
    }
    check_heads(arm, target->second);
  }

  void check_heads(const ArmConfig& arm, const ModelFacts& target) {
    for (const Facts::Head& wanted : arm.composed.drafter.heads) {
      const auto found = models_.find(wanted.name);
      if (found == models_.end()) continue;
      const ModelInfo& head = found->second.info;
      const std::string who = cat(arm.origin(), ": [arm.", arm.name, "] drafter head '", wanted.name, "' ");
      if (head.head != wanted.kind) {
        problems_.add(cat(who, "is ", head.head.empty() ? "a model of its own" : cat("of kind '", head.head, "'"),
                          "; expected a head of kind '", wanted.kind, "'"));
        continue;
      }
      const auto fits = [&](const char* what, int64_t own, int64_t its) {
        if (own != its)
          problems_.add(cat(who, "was made for a ", what, " of ", own, ", target '", arm.target, "' has ", its,
                            "; expected the same"));
      };
      fits("hidden size", head.hidden, target.info.hidden);
      fits("vocabulary", head.vocab, target.info.vocab);
      check_context(wanted.name, found->second);
    }
  }

  // Arms read one set of prompts, and their texts are compared as token ids.
  void check_same_tokenizer(const ArmConfig& arm, const ModelFacts& target) {
    for (const ArmConfig& baseline : config_.arms) {
      const auto known = models_.find(baseline.target);
      if (!baseline.baseline || known == models_.end() || target.tokenizer.empty() || known->second.tokenizer.empty() ||
          known->second.tokenizer == target.tokenizer)
        continue;
      problems_.add(cat(arm.origin(), ": [arm.", arm.name, "] target '", arm.target, "' and target '", baseline.target,
                        "' of the baseline [arm.", baseline.name, "] have different tokenizers; expected the same"));
    }
  }

  // Whether each prompt fits beside the new tokens is known once it is tokenized; that none can is known here.
  void check_context(const std::string& name, const ModelFacts& facts) {
    if (config_.data.max_new_tokens + std::max<int64_t>(1, config_.data.pad_to_tok) <= facts.info.context ||
        !checked_contexts_.insert(name).second)
      return;
    problems_.add(cat(key("data", "max_new_tokens").origin, ": [data] max_new_tokens = ", config_.data.max_new_tokens,
                      config_.data.pad_to_tok > 0 ? cat(" after pad_to_tok = ", config_.data.pad_to_tok) : "",
                      " leaves no room for a prompt in the context of [models.", name, "]; valid: 1..",
                      facts.info.context - std::max<int64_t>(1, config_.data.pad_to_tok)));
  }

  // Returns the sha256 of the file.
  std::string check_prompts() {
    const Value& prompts_key = key("data", "prompts");
    const std::string place = cat(prompts_key.origin, ": [data] prompts = ", quoted(config_.data.prompts), ": ");
    try {
      const KnownFiles::Prompts& facts = remembered(known_.prompts, config_.data.file, read_prompt_facts);
      const std::vector<std::string>& categories = facts.categories;
      for (const std::string& wanted : config_.data.categories) {
        if (std::find(categories.begin(), categories.end(), wanted) != categories.end()) continue;
        problems_.add(cat(key("data", "categories").origin, ": [data] categories: no prompt is of the category ",
                          quoted(wanted), suggestion(wanted, categories)));
      }
      if (facts.names_scorers || !config_.quality.scorers.empty()) check_scorers();
      return facts.sha256;
    } catch (const Error& e) {
      problems_.add(place + e.what());
      return "";
    }
  }

  void check_scorers() {
    const DataConfig& data = config_.data;
    std::vector<Prompt> prompts = load_prompts(data.file);
    std::erase_if(prompts, [&](const Prompt& prompt) {
      return !data.categories.empty() &&
             std::find(data.categories.begin(), data.categories.end(), prompt.category) == data.categories.end();
    });
    try {
      plan_scoring(prompts, data.file, config_.quality.scorers);
    } catch (const ConfigError& e) {
      const std::string what = e.what();
      problems_.add(what.starts_with("[quality]") ? cat(key("quality", "scorers").origin, ": ", what) : what);
    }
  }

  std::string check_padding() {
    try {
      return remembered(known_.sha256, config_.data.pad_file, sha256_of_file);
    } catch (const Error& e) {
      problems_.add(cat(key("data", "pad_text").origin, ": [data] pad_text: ", e.what()));
      return "";
    }
  }

  const ExperimentConfig& config_;
  KnownFiles& known_;
  Problems& problems_;
  std::map<std::string, ModelFacts> models_;
  std::set<std::string> checked_targets_, checked_contexts_;
};

}  // namespace

FileFacts check_files(const ExperimentConfig& config, KnownFiles& known, Problems& problems) {
  return FileChecker(config, known, problems).check();
}

}  // namespace specula
