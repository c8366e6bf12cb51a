#include "drafters/draft_model.h"

#include <optional>

#include "drafters/stoppers/nested_stopper.h"
#include "framework/decode/chain_draft.h"
#include "framework/decode/tree_draft.h"
#include "framework/lookup/token_ranks.h"
#include "framework/model/frequent_tokens.h"

namespace specula {
namespace {

struct Options {
  ModelName model{"draft"};
  int length = 4;
  std::string draw = "auto";
  Call tree = default_call("chain");
  FileName tree_file;
  Call stop;
  FileName token_ranks;
  int frequent_tokens = 0;
  template <class V>
  void visit(V& v) {
    v("model", model, "the draft model, of the target's vocabulary");
    v("length", length, 1, 64, "tokens drafted in a round (gamma) where the tree is a chain", "tokens");
    v("draw", draw, {"auto", "sample", "greedy", "coupled"},
      "sample: draw from q; greedy: take its most likely tokens; coupled: draw from q with the target's own noise, of "
      "chains; auto: what the verifier wants");
    v("tree", tree, "tree",
      "shape and siblings: chain, iid(widths), without_replacement(widths), fixed, dynamic(top_k, depth, nodes), "
      "branch_split(p_split, branches, depth, nodes), best_first(nodes, depth)");
    v("tree_file", tree_file, "of tree = \"fixed\": paths, parents or a grow map as JSON");
    v("stop", stop, "stopper", kStopHelp);
    v("token_ranks", token_ranks, "of `specula train token_ranks`: draft only the most frequent tokens of a corpus");
    v("frequent_tokens", frequent_tokens, 0, 1 << 30, "so many of token_ranks; 0: all that it lists", "tokens");
  }
};

// The tree as it was called, with the file where it belongs.
Params tree_params(const Options& options) {
  Params params{.place = "tree", .values = options.tree.values};
  const std::string& name = params.values.find("name")->string();
  if (const Value* file = params.values.find("file"))
    throw ConfigError(cat(file->origin, ": unknown key 'file' in tree; expected tree_file beside it"));
  if (!options.tree_file.path.empty()) {
    if (name != "fixed")
      throw ConfigError(
          cat(params.values.origin, ": tree_file is given, but tree = ", quoted(name), "; expected tree = \"fixed\""));
    params.values.set("file", {.data = options.tree_file.path, .origin = params.values.origin});
  }
  return params;
}

const Registry<TreeShape>::Entry& shape_of(const Params& tree) {
  const Value& name = *tree.values.find("name");
  return tree_shapes().at(name.string(), cat(name.origin, ": ", tree.place));
}

bool is_chain(const Params& tree) { return tree.values.find("name")->string() == "chain"; }

// `drawn`: the law of the shape's siblings where they are drawn.
Draw tree_law(const Options& options, Policy policy, Draw drawn) {
  const Value& given = options.tree.values;
  const auto refuse = [&](const std::string& why) {
    throw ConfigError(cat(given.origin, ": tree = ", quoted(call_text({.place = "", .values = given})), ": ", why));
  };
  if (drawn == Draw::kPoint) {
    if (options.draw == "sample" || options.draw == "coupled")
      refuse(
          cat("it ranks and prunes, so its tokens are points; draw = ", quoted(options.draw), " does not go with it"));
    return Draw::kPoint;
  }
  const Draw law = wanted_law(options.draw, policy);
  if (law == Draw::kCoupled)
    refuse("siblings cannot share the target's noise; take tree = \"chain\" or draw = \"greedy\"");
  return law == Draw::kPoint ? law : drawn;
}

const std::string kStopPlace = "draft_model stop";

void add_stop(const Options& options, bool has_siblings, Facts& facts) {
  if (!options.stop.is_given()) return;
  if (has_siblings)
    throw ConfigError(cat(options.stop.values.origin, ": ", kStopPlace, " ends chains; expected tree = \"chain\""));
  facts.scope = stopper_facts(options.stop, kStopPlace, options.length).scope;
}

void add_frequent_tokens(const Options& options, Facts& facts) {
  const std::string& path = options.token_ranks.path;
  if (path.empty() && options.frequent_tokens > 0)
    throw ConfigError(cat("draft_model frequent_tokens = ", options.frequent_tokens,
                          " needs token_ranks, a file that `specula train token_ranks` makes"));
  if (path.empty()) return;
  const int64_t listed = ranked_tokens(path);
  if (options.frequent_tokens > listed)
    throw ConfigError(cat("draft_model frequent_tokens = ", options.frequent_tokens, ": ", path, " lists ", listed));
  facts.files.push_back(path);
  facts.memory += cat(facts.memory.empty() ? "" : "; ", "the frequent tokens' rows of the head once more");
}

Facts facts_of(const Options& options, Policy policy) {
  const Params tree = tree_params(options);
  const Facts shape = shape_of(tree).facts(tree, policy);
  const bool has_siblings = !is_chain(tree);
  const Draw law = has_siblings ? tree_law(options, policy, shape.laws[0]) : wanted_law(options.draw, policy);
  Facts facts{.laws = {law},
              .trees = has_siblings,
              .q_next = law != Draw::kPoint,
              .models = {options.model.name},
              .memory = shape.memory};
  if (!options.tree_file.path.empty()) facts.files = {options.tree_file.path};
  add_stop(options, has_siblings, facts);
  add_frequent_tokens(options, facts);
  return facts;
}

class DraftModel final : public Drafter {
 public:
  DraftModel(Options options, const Parts& parts)
      : options_(std::move(options)),
        model_(parts.model(options_.model.name)),
        stop_(chain_stop(options_.stop, kStopPlace, parts, options_.length)) {
    if (const std::string& path = options_.token_ranks.path; !path.empty()) {
      const int64_t most = options_.frequent_tokens > 0 ? options_.frequent_tokens : ranked_tokens(path);
      frequent_.emplace(model_, read_token_ranks(path, most, parts));
    }
    const Params tree = tree_params(options_);
    if (is_chain(tree)) return;
    drawn_ = shape_of(tree).facts(tree, Policy::kSampled).laws[0];
    shape_ = shape_of(tree).make(tree, parts);
  }

  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> /*requests*/,
             const Pass& /*prefill*/) override {
    cache_.emplace(frequent_ ? *frequent_ : model_, prefixes);
    stop_.begin(prefixes.size());
  }

  std::vector<std::pair<std::string, double>> notes(size_t b) const override { return stop_.notes(b); }
  void observe(const Feedback& feedback) override { stop_.observe(feedback); }

  std::vector<DraftTree> draft(const Round& round) override {
    if (shape_ == nullptr) return draft_chain(round);
    return draft_trees(
        round,
        {.cache = *cache_, .shape = *shape_, .law = tree_law(options_, round.policy, drawn_), .q_next = round.q_next});
  }

 private:
  std::vector<DraftTree> draft_chain(const Round& round) {
    const size_t batch = round.prefixes.size();
    ChainDraft how{.forward = passes_of(*cache_),
                   .catch_up = std::vector<std::vector<Token>>(batch),
                   .depth = std::vector<int>(batch),
                   .draw = wanted_law(options_.draw, round.policy),
                   .q_next = round.q_next,
                   .stop = &stop_};
    for (size_t b = 0; b < batch; ++b) {
      if (round.done[b] != 0) continue;
      how.catch_up[b] = cache_->catch_up(static_cast<int>(b), round.prefixes[b]);
      how.depth[b] = round.depth_limit(b, options_.length);
    }
    return draft_chains(round, how);
  }

  Options options_;
  const LanguageModel& model_;
  Draw drawn_ = Draw::kIid;
  std::unique_ptr<TreeShape> shape_;  // null: a chain
  ChainStop stop_;
  std::optional<FrequentTokens> frequent_;  // none: every token
  std::optional<DraftCache> cache_;
};

// The options of the tree too, so that a run's files name every value.
Value with_tree(Value resolved) {
  const Params tree{.place = "tree", .values = *resolved.find("tree")};
  Value values{.data = Value::Table{}, .origin = tree.values.origin};
  values.set("name", *tree.values.find("name"));
  const Value options = shape_of(tree).resolve(tree);
  for (const Entry& option : options.table()) {
    if (option.key != "file") values.set(option.key, option.value);  // that is tree_file
  }
  resolved.set("tree", std::move(values));
  return resolved;
}

}  // namespace

Registry<Drafter>::Entry draft_model() {
  auto entry = drafter_entry<DraftModel, Options>(
      "draft_model", "A smaller model of the same vocabulary drafts a chain or a tree.",
      "Leviathan et al. 2023; Chen et al. 2023; trees: Chen et al. 2024", facts_of);
  entry.resolve = [resolve = entry.resolve](const Params& params) { return with_tree(resolve(params)); };
  return with_stoppers(std::move(entry));
}

}  // namespace specula
