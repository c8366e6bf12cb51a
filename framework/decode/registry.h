// Plug-ins by name.  Registration is an explicit line in drafters/, verifiers/ or samplers/register.cpp: static
// initialisers inside a static archive are lost by the linker.  Licence: Apache-2.0.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "framework/core/params.h"
#include "framework/decode/drafter.h"
#include "framework/decode/sampler.h"
#include "framework/decode/stopper.h"
#include "framework/decode/verifier.h"

namespace specula {

class Tokenizer;  // framework/text/tokenizer.h

enum class Guarantee {
  kExact,        // the output follows p
  kCoupled,      // the same text as the baseline with this rule, seed by seed
  kGreedyExact,  // the baseline's greedy text
  kMixture,      // the output follows Verifier::law, a mixture of p and q
  kLossy         // it follows no stated law; its divergence from p is measured
};
// What a sampler looks at beside the logits of a row: nothing, the text down to the row, what of it was generated, or
// a state of its own that is carried along the path.
enum class Reads { kLogits, kText, kGenerated, kState };
enum class Scope { kRequest, kRun, kFile };  // how long a drafter's state lives; request scope: same text in any order
const char* name_of(Guarantee guarantee);
const char* name_of(Scope scope);
const char* name_of(Reads reads);

// What is known of a plug-in before any weights load, so that a misfit is a configuration error.
struct Facts {
  std::vector<Draw> laws{};                 // drafter: may declare; verifier: accepts
  bool trees = false;                       // drafter: may have siblings; verifier: accepts them
  bool q_next = false;                      // drafter: gives q_next at every row; verifier: needs it
  Scope scope = Scope::kRequest;            // drafter
  Guarantee guarantee = Guarantee::kExact;  // verifier
  Policy policy = Policy::kSampled;         // verifier: what it wants the draws to be
  bool tests_tokens = false;                // verifier: one coin for each drafted token of a chain, so alpha is defined
  std::string cost{};                       // verifier: what a round costs, "O(V) a visited row"
  bool neutral = false;                     // sampler: changes nothing with these options, so it is left out
  Reads reads = Reads::kLogits;             // sampler
  bool removes = false;                     // sampler: may remove tokens
  bool constrains = false;                  // sampler: removes all that may not be written, which no other step may
  bool coins = false;                       // sampler: draws a number at each position
  bool one_hot = false;                     // sampler: each row of p has one token; verifier: needs such rows
  std::vector<std::string> models{};        // drafter: the entries of [models] it uses, of the target's vocabulary
  std::vector<std::string> foreign_models{};  // drafter: those that may have another tokenizer
  struct Head {
    std::string name, kind;  // an entry of [models], and HeadTraits::kind
    bool operator==(const Head&) const = default;
  };
  std::vector<Head> heads{};         // drafter: heads of the target that it uses
  std::vector<std::string> files{};  // drafter: files whose content decides what it drafts
  std::string memory{};              // drafter: what bounds its state, "16 B a token of the text"
  int length = 0;                    // stopper: tokens that the drafter must be able to draft in a round
};

// What a plug-in may be built from.
struct Parts {
  std::function<const LanguageModel&(const std::string& name)> model;  // an entry of [models]
  int64_t vocab = 0;                                                   // of the target
  int64_t layers = 0;                                                  // of the target; 0: not known yet
  // Of an entry of [models], "" for the target.  Throws Error where there is none; empty in tests without tokenizers.
  std::function<const Tokenizer&(const std::string& name)> tokenizer{};
};

template <class T>
struct Registry {
  struct Entry {
    std::string name, summary, paper, definition;  // definition: whose a sampler's is, where there are several
    std::vector<Option> options;
    std::function<Facts(const Params&, Policy)> facts;  // throws ConfigError for wrong options
    std::function<std::unique_ptr<T>(const Params&, const Parts&)> make;
    std::function<Value(const Params&)> resolve;  // every option with its value and origin
  };
  std::string kind;                        // "drafter": for error texts
  std::vector<std::string> order{};        // names in the order of registration
  std::map<std::string, Entry> entries{};  // feeds `specula list`, the generated tables and the conformance tests

  void add(Entry entry) {
    const std::string name = entry.name;
    SPECULA_CHECK(entries.emplace(name, std::move(entry)).second, kind, " '", name, "' is registered twice");
    order.push_back(name);
  }
  // Throws ConfigError naming the place and the nearest name.
  const Entry& at(const std::string& name, const std::string& place) const {
    const auto found = entries.find(name);
    if (found == entries.end())
      throw ConfigError(cat(place, ": unknown ", kind, " '", name, "'", suggestion(name, order)));
    return found->second;
  }
};

struct Registries {
  Registry<Drafter> drafters{.kind = "drafter"};
  Registry<Verifier> verifiers{.kind = "verifier"};
  Registry<LogitsProcessor> samplers{.kind = "sampler"};  // in the order of transformers
  Registry<Stopper> stoppers{.kind = "stopper"};
};

// Makes the registry entry of a plug-in class.  `Plugin` is constructible from (Options) or (Options, const Parts&),
// and `facts` is callable as (const Options&) or (const Options&, Policy).
template <class Base, class Plugin, class Options, class FactsOf>
typename Registry<Base>::Entry make_entry(const std::string& name, const std::string& summary, const std::string& paper,
                                          const FactsOf& facts) {
  return {.name = name,
          .summary = summary,
          .paper = paper,
          .definition = "",
          .options = list_options<Options>(),
          .facts = [facts](const Params& params, Policy policy) -> Facts {
            const auto options = read_options<Options>(params);
            if constexpr (std::is_invocable_v<FactsOf, const Options&, Policy>) {
              return facts(options, policy);
            } else {
              (void)policy;
              return facts(options);
            }
          },
          .make = [](const Params& params, const Parts& parts) -> std::unique_ptr<Base> {
            if constexpr (std::is_constructible_v<Plugin, Options, const Parts&>) {
              return std::make_unique<Plugin>(read_options<Options>(params), parts);
            } else {
              (void)parts;
              return std::make_unique<Plugin>(read_options<Options>(params));
            }
          },
          .resolve =
              [](const Params& params) {
                Value resolved;
                read_options<Options>(params, &resolved);
                return resolved;
              }};
}

template <class Plugin, class Options, class FactsOf>
auto drafter_entry(const std::string& name, const std::string& summary, const std::string& paper,
                   const FactsOf& facts) {
  return make_entry<Drafter, Plugin, Options>(name, summary, paper, facts);
}
template <class Plugin, class Options, class FactsOf>
auto verifier_entry(const std::string& name, const std::string& summary, const std::string& paper,
                    const FactsOf& facts) {
  return make_entry<Verifier, Plugin, Options>(name, summary, paper, facts);
}
template <class Plugin, class Options, class FactsOf>
auto sampler_entry(const std::string& name, const std::string& summary, const std::string& paper,
                   const std::string& definition, const FactsOf& facts) {
  auto entry = make_entry<LogitsProcessor, Plugin, Options>(name, summary, paper, facts);
  entry.definition = definition;
  return entry;
}
template <class Plugin, class Options, class FactsOf>
auto stopper_entry(const std::string& name, const std::string& summary, const std::string& paper,
                   const FactsOf& facts) {
  return make_entry<Stopper, Plugin, Options>(name, summary, paper, facts);
}

struct NoOptions {
  template <class V>
  void visit(V& /*v*/) {}
};

}  // namespace specula
