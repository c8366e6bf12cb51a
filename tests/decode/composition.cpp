#include "tests/decode/composition.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <ostream>

#include "drafters/register.h"
#include "samplers/register.h"
#include "tests/decode/toy_corpus.h"
#include "tests/decode/toy_heads.h"
#include "tests/decode/toy_tokenizer.h"
#include "tests/decode/toy_trace.h"
#include "verifiers/register.h"

namespace specula::testing {

const Registries& all_registries() {
  static const Registries instance = [] {
    Registries all;
    register_drafters(all.drafters);
    register_verifiers(all.verifiers);
    register_samplers(all.samplers);
    return all;
  }();
  return instance;
}

Params call_of(const std::string& text) { return {.place = "test", .values = parse_call(text, "test")}; }

std::string call_of_drafter(const std::string& name) {
  if (name == "ngram_cache") return cat("ngram_cache(file=", quoted(toy_ngram_file()), ")");
  if (name == "retrieval") return cat("retrieval(file=", quoted(toy_retrieval_file()), ")");
  if (name == "suffix_automaton") return "suffix_automaton(len_threshold=1)";
  if (name == "online_draft") return "online_draft(model=\"llama\")";
  if (name == "parallel_draft") return "parallel_draft(mask_token=1)";
  if (name == "replay") return cat("replay(file=", quoted(toy_trace()), ")");
  return name;
}

std::string Pair::name() const { return plugin_name(call_of(drafter)) + "_" + plugin_name(call_of(verifier)); }

void PrintTo(const Pair& pair, std::ostream* out) { *out << pair.drafter << " under " << pair.verifier; }

Composed Pair::composed(const std::string& samplers) const {
  return check_composition(
      all_registries(),
      {.drafter = call_of(drafter), .verifier = call_of(verifier), .samplers = parse_samplers(samplers, "test")});
}

std::vector<Pair> pairs(const std::string& samplers, const std::function<bool(const Composed& composed)>& wanted) {
  std::vector<Pair> fitting;
  for (const std::string& drafter : all_registries().drafters.order) {
    for (const std::string& verifier : all_registries().verifiers.order) {
      const Pair pair{call_of_drafter(drafter), verifier};
      const Composed composed = pair.composed(samplers);
      if (composed.problems.empty() && wanted(composed)) fitting.push_back(pair);
    }
  }
  return fitting;
}

Bench::Bench(const Pair& pair, const std::string& samplers, const BenchOptions& options)
    : target({.seed = 5, .vocab = options.vocab}),
      draft({.seed = 6, .vocab = options.vocab, .near = &target, .nearness = 0.6}),
      used_target(options.target != nullptr ? *options.target : target),
      used_draft(options.draft_is_target    ? used_target
                 : options.draft != nullptr ? *options.draft
                                            : draft),
      tokenizer(options.tokenizer != nullptr ? options.tokenizer : &toy_tokenizer(used_target.vocab())),
      sampler(make_sampler(all_registries(), parse_samplers(samplers, "test"), toy_parts())) {
  const Params d = call_of(pair.drafter), v = call_of(pair.verifier);
  const Parts parts = toy_parts();
  const auto& rule = all_registries().verifiers.at(plugin_name(v), "test");
  facts = rule.facts(v, Policy::kSampled);
  verifier = rule.make(v, parts);
  drafter = all_registries().drafters.at(plugin_name(d), "test").make(d, parts);
}

Parts Bench::toy_parts() const {
  return {.model = [this](const std::string& name) -> const LanguageModel& {
            if (name == "llama") return toy_llama(used_target.vocab());
            const auto heads = toy_head_kinds();
            const bool is_head = std::find(heads.begin(), heads.end(), name) != heads.end();
            return is_head ? toy_head(name, used_target.vocab()) : used_draft;
          },
          .vocab = used_target.vocab(),
          .layers = used_target.layers(),
          .tokenizer = [this](const std::string& name) -> const Tokenizer& {
            return name.empty() ? *tokenizer : other_toy_tokenizer(used_draft.vocab());
          }};
}

Session Bench::session(int64_t tokens, uint64_t seed) const {
  Session s{.target = used_target,
            .drafter = *drafter,
            .verifier = *verifier,
            .policy = facts.policy,
            .q_next = facts.q_next,
            .sampler = sampler,
            .keys = Keyring(seed),
            .max_new_tokens = tokens};
  s.check_trees = true;
  s.keys.audit();
  return s;
}

std::vector<Decoded> Bench::run(const std::vector<Prefix>& prompts, const std::vector<int64_t>& requests,
                                int64_t tokens, uint64_t seed, std::vector<Token> stop) const {
  Session s = session(tokens, seed);
  s.stop = std::move(stop);
  return decode(s, prompts, requests);
}

std::vector<double> Bench::target_law(const Prefix& text) const {
  const std::vector<float> logits = target.logits(text);
  Tensor row = at::empty({1, target.vocab()});
  std::copy(logits.begin(), logits.end(), row.mutable_data_ptr<float>());
  const int rows[] = {0};
  const Keyring keys(0);
  const DraftTree root = DraftTree::root_only(text.back());
  const Tensor p = sampler.distribution(row, {.prefix = text,
                                              .tree = root,
                                              .rows = rows,
                                              .keys = keys,
                                              .request = 0,
                                              .prompt = static_cast<int64_t>(text.size()),
                                              .stop = {}});
  return {p.const_data_ptr<float>(), p.const_data_ptr<float>() + p.numel()};
}

Pair with_length(const Pair& pair, int length) {
  Params call = call_of(pair.drafter);
  for (const Option& option : all_registries().drafters.at(plugin_name(call), "test").options) {
    if (option.name == "length" || option.name == "nodes")
      call.values.set(option.name, {.data = int64_t{length}, .origin = "test"});
  }
  return {call_text(call), pair.verifier};
}

}  // namespace specula::testing
