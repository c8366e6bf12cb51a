#include "drafters/tree_options.h"

#include "framework/decode/tree_draft.h"

namespace specula {
namespace {

// The tree as it was called, with the file where it belongs.
Params tree_params(const TreeOptions& options) {
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
Draw tree_law(const TreeOptions& options, Policy policy, Draw drawn) {
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

// The options of the tree too.
Value resolve_tree(Value resolved) {
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

Facts tree_facts(const TreeOptions& options, const std::string& place, Policy policy) {
  const Params tree = tree_params(options);
  const Facts shape = shape_of(tree).facts(tree, policy);
  const bool has_siblings = !is_chain(tree);
  const Draw law = has_siblings ? tree_law(options, policy, shape.laws[0]) : wanted_law(options.draw, policy);
  Facts facts{.laws = {law}, .trees = has_siblings, .q_next = law != Draw::kPoint, .memory = shape.memory};
  if (!options.tree_file.path.empty()) facts.files = {options.tree_file.path};
  if (!options.stop.is_given()) return facts;
  const std::string stop = place + " stop";
  if (has_siblings)
    throw ConfigError(cat(options.stop.values.origin, ": ", stop, " ends chains; expected tree = \"chain\""));
  facts.scope = stopper_facts(options.stop, stop, options.length).scope;
  return facts;
}

Registry<Drafter>::Entry with_tree(Registry<Drafter>::Entry entry) {
  entry.resolve = [resolve = entry.resolve](const Params& params) { return resolve_tree(resolve(params)); };
  return with_stoppers(std::move(entry));
}

TreeDrafting::TreeDrafting(const TreeOptions& options, const std::string& place, const Parts& parts)
    : options_(options), stop_(chain_stop(options.stop, place + " stop", parts, options.length)) {
  const Params tree = tree_params(options_);
  if (is_chain(tree)) return;
  drawn_ = shape_of(tree).facts(tree, Policy::kSampled).laws[0];
  shape_ = shape_of(tree).make(tree, parts);
}

std::vector<DraftTree> TreeDrafting::draft(const Round& round, DraftSource& source) {
  if (shape_ == nullptr) return draft_chain(round, source);
  return draft_trees(
      round,
      {.source = source, .shape = *shape_, .law = tree_law(options_, round.policy, drawn_), .q_next = round.q_next});
}

std::vector<DraftTree> TreeDrafting::draft_chain(const Round& round, DraftSource& source) {
  const size_t batch = round.prefixes.size();
  ChainDraft how{.forward = passes_of(source),
                 .catch_up = std::vector<std::vector<Token>>(batch),
                 .depth = std::vector<int>(batch),
                 .draw = wanted_law(options_.draw, round.policy),
                 .q_next = round.q_next,
                 .stop = &stop_};
  for (size_t b = 0; b < batch; ++b) {
    if (round.done[b] != 0) continue;
    how.catch_up[b] = source.catch_up(static_cast<int>(b), round.prefixes[b]);
    how.depth[b] = round.depth_limit(b, options_.length);
  }
  return draft_chains(round, how);
}

}  // namespace specula
