#include "framework/certify/toy.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <numeric>

#include "framework/decode/round_law.h"

namespace specula {
namespace {

const Prefix kPrompt = {0, 1, 0};

Prefix joined(Prefix prefix, const std::vector<Token>& more) {
  prefix.insert(prefix.end(), more.begin(), more.end());
  return prefix;
}

// The law of the token that row `i` of the shape adds below `parent`; all zero: nothing is left to draw.
Row law_of_draft(const Toy& toy, const Prefix& prefix, const DraftTree& tree, int parent, Draw draw) {
  Row law = toy.q(path_text(prefix, tree, parent));
  if (draw == Draw::kIid || draw == Draw::kCoupled) return law;
  std::vector<char> taken(law.size());
  for (const int sibling : tree.children(parent)) taken[tree.token[sibling]] = 1;
  for (size_t x = 0; x < law.size(); ++x) law[x] = taken[x] != 0 ? -1 : law[x];
  if (draw == Draw::kPoint) {
    const auto best = std::max_element(law.begin(), law.end());
    const bool is_free = *best >= 0;
    const auto at = best - law.begin();
    law.assign(law.size(), 0.0);
    if (is_free) law[static_cast<size_t>(at)] = 1;
    return law;
  }
  for (double& mass : law) mass = std::max(mass, 0.0);
  const double sum = std::accumulate(law.begin(), law.end(), 0.0);
  for (double& mass : law) mass = sum > 0 ? mass / sum : 0;
  return law;
}

struct Growing {
  WeightedTree weighted;
  std::vector<int> row_of;  // of each row of the shape, its row in the tree; -1: left out
};

std::vector<Growing> grow(const Toy& toy, const Prefix& prefix, const Growing& from, int parent, Draw draw) {
  const int at = from.row_of[parent];
  const Row law = at < 0 ? Row{} : law_of_draft(toy, prefix, from.weighted.tree, at, draw);
  std::vector<Growing> grown;
  for (size_t x = 0; x < law.size(); ++x) {
    if (!(law[x] > 0)) continue;
    Growing next = from;
    next.weighted.mass *= law[x];
    next.row_of.push_back(next.weighted.tree.add(static_cast<Token>(x), at, draw, draw == Draw::kPoint ? -1 : at));
    grown.push_back(std::move(next));
  }
  if (grown.empty()) {
    grown.push_back(from);
    grown.back().row_of.push_back(-1);
  }
  return grown;
}

// Carries mass from every open text to the texts one round longer, until all have the length.
class TextLaw {
 public:
  TextLaw(const Verifier& rule, const Drafts& drafts, const TargetRows& p, int tokens)
      : rule_(rule), drafts_(drafts), p_(p), tokens_(static_cast<size_t>(tokens)) {}

  Law of(const Prefix& prompt) {
    open_[{}] = 1;
    while (!open_.empty()) {  // the shortest text first: all its mass is there by then
      const auto shortest = std::min_element(
          open_.begin(), open_.end(), [](const auto& a, const auto& b) { return a.first.size() < b.first.size(); });
      const auto [text, mass] = *shortest;
      open_.erase(shortest);
      for (const WeightedTree& w : drafts_(joined(prompt, text))) round(joined(prompt, text), text, mass, w);
    }
    return std::move(done_);
  }

 private:
  void round(const Prefix& prefix, const std::vector<Token>& text, double mass, const WeightedTree& w) {
    const auto law = law_of_round(rule_, w.tree, p_(prefix, w.tree));
    SPECULA_CHECK(law.has_value(), "the law of a coupled rule cannot be enumerated");
    for (int row = 0; row < w.tree.size(); ++row) {
      const std::vector<double>& next = law->next[row];
      for (size_t x = 0; x < next.size(); ++x) {
        if (!(next[x] > 0)) continue;
        std::vector<Token> longer = joined(text, w.tree.path_tokens(row));
        longer.push_back(static_cast<Token>(x));
        if (longer.size() > tokens_) longer.resize(tokens_);
        (longer.size() < tokens_ ? open_ : done_)[longer] += mass * w.mass * next[x];
      }
    }
  }

  const Verifier& rule_;
  const Drafts& drafts_;
  const TargetRows& p_;
  const size_t tokens_;
  Law open_, done_;
};

}  // namespace

Toy::Toy(uint64_t seed, int64_t vocab, const Sampler& sampler, double nearness)
    : target_({.seed = seed, .vocab = vocab}),
      draft_({.seed = seed + 1000, .vocab = vocab, .near = &target_, .nearness = nearness}),
      sampler_(sampler) {}

Row Toy::law(const HashModel& model, const Prefix& text, const Sampler& sampler) {
  const std::vector<float> logits = model.logits(text);
  Tensor row = at::empty({1, model.vocab()});
  std::copy(logits.begin(), logits.end(), row.mutable_data_ptr<float>());
  const int rows[] = {0};
  const Keyring keys(0);
  const DraftTree tree = DraftTree::root_only(text.back());
  const Tensor law = sampler.distribution(row, {.prefix = text,
                                                .tree = tree,
                                                .rows = rows,
                                                .keys = keys,
                                                .request = 0,
                                                .prompt = 1,  // so that most of a short text was generated
                                                .stop = {}});
  return {law.const_data_ptr<float>(), law.const_data_ptr<float>() + law.numel()};
}

Prefix path_text(const Prefix& prefix, const DraftTree& tree, int row) { return joined(prefix, tree.path_tokens(row)); }

Tensor tensor_of(const std::vector<Row>& rows) {
  const auto vocab = static_cast<int64_t>(rows.front().size());
  Tensor tensor = at::empty({static_cast<int64_t>(rows.size()), vocab});
  float* to = tensor.mutable_data_ptr<float>();
  for (const Row& row : rows) {
    for (const double mass : row) *to++ = static_cast<float>(mass);
  }
  return tensor;
}

Tensor p_rows(const Toy& toy, const Prefix& prefix, const DraftTree& tree) {
  std::vector<Row> rows;
  for (int row = 0; row < tree.size(); ++row) rows.push_back(toy.p(path_text(prefix, tree, row)));
  return tensor_of(rows);
}

void give_q(const Toy& toy, const Prefix& prefix, DraftTree& tree) {
  std::vector<Row> rows;
  for (int row = 0; row < tree.size(); ++row) {
    rows.push_back(toy.q(path_text(prefix, tree, row)));
    tree.q_next[row] = row;
    if (tree.q_row[row] >= 0) tree.q_row[row] = tree.parent[row];
  }
  tree.q = tensor_of(rows);
}

std::vector<Shape> shapes_of(const std::vector<Draw>& laws, bool trees) {
  std::vector<Shape> shapes = {{"nothing"}};
  for (const Draw law : laws) {
    const std::string name = name_of(law);
    shapes.push_back({name + "_chain1", {0}, {law}});
    shapes.push_back({name + "_chain3", {0, 1, 2}, {law, law, law}});
    if (!trees) continue;
    shapes.push_back({name + "_siblings2", {0, 0}, {law, law}});
    shapes.push_back({name + "_siblings3", {0, 0, 0}, {law, law, law}});
    shapes.push_back({name + "_tree2x1", {0, 0, 1, 2}, {law, law, law, law}});
    shapes.push_back({name + "_tree1x2", {0, 1, 1}, {law, law, law}});
    shapes.push_back({name + "_tree2x2", {0, 0, 1, 1}, {law, law, law, law}});
  }
  for (const Draw first : laws) {
    for (const Draw second : laws) {
      if (first == second) continue;
      const std::string name = std::string(name_of(first)) + "_then_" + name_of(second);
      shapes.push_back({name + "_chain", {0, 1}, {first, second}});
      if (trees) shapes.push_back({name + "_siblings", {0, 0, 1}, {first, second, second}});
    }
  }
  return shapes;
}

std::vector<WeightedTree> draw_trees(const Toy& toy, const Prefix& prefix, const Shape& shape) {
  std::vector<Growing> open{{{DraftTree::root_only(prefix.back()), 1.0}, {0}}};
  for (size_t i = 0; i < shape.parent.size(); ++i) {
    std::vector<Growing> grown;
    for (const Growing& from : open) {
      for (Growing& next : grow(toy, prefix, from, shape.parent[i], shape.draw[i])) grown.push_back(std::move(next));
    }
    open = std::move(grown);
  }
  std::vector<WeightedTree> trees;
  for (Growing& done : open) {
    give_q(toy, prefix, done.weighted.tree);
    trees.push_back(std::move(done.weighted));
  }
  return trees;
}

Law law_of_text(const Verifier& rule, const Prefix& prompt, int tokens, const Drafts& drafts, const TargetRows& p) {
  return TextLaw(rule, drafts, p, tokens).of(prompt);
}

Law law_to_follow(const Toy& toy, const Verifier& rule, const Prefix& prompt, int tokens) {
  return own_law(tokens, [&](const std::vector<Token>& string) {
    const Prefix text = joined(prompt, string);
    DraftTree tree = DraftTree::root_only(text.back());
    give_q(toy, text, tree);
    const Tensor law = rule.law(tree, p_rows(toy, text, tree));
    return Row(law.const_data_ptr<float>(), law.const_data_ptr<float>() + law.numel());
  });
}

double error_of(const Toy& toy, const Verifier& rule, const Shape& shape, int tokens) {
  const Law text = law_of_text(
      rule, kPrompt, tokens, [&](const Prefix& prefix) { return draw_trees(toy, prefix, shape); },
      [&](const Prefix& prefix, const DraftTree& tree) { return p_rows(toy, prefix, tree); });
  return total_variation(text, law_to_follow(toy, rule, kPrompt, tokens));
}

}  // namespace specula
