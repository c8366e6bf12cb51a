#include "framework/certify/fault_world.h"

#include "framework/decode/coupled_draw.h"
#include "framework/decode/ratio_test.h"

namespace specula {
namespace {

struct Temperature final : LogitsProcessor {
  explicit Temperature(double value) : scale(static_cast<float>(1 / value)) {}
  float scale;
  void apply(Tensor& logits, const RowContext& /*context*/) const override {
    float* x = logits.mutable_data_ptr<float>();
    for (int64_t i = 0; i < logits.numel(); ++i) x[i] *= scale;
  }
};

Sampler policy_of(double temperature) {
  Sampler sampler;
  sampler.steps.push_back(std::make_unique<Temperature>(temperature));
  return sampler;
}

}  // namespace

RuleOf ratio_rule() {
  return RuleOf([](const DraftTree& tree, const Evidence& evidence) {
    const RoundRows rows(tree, evidence.p);
    return ratio_test(
        tree, rows, [&](int row) { return rows.p(row); }, evidence.chance);
  });
}

FaultWorld::FaultWorld(uint64_t seed, int64_t vocab) : sampler_(policy_of(0.6)), toy_(seed, vocab, sampler_, 0.3) {}

const Row& FaultWorld::look_up(Memory& memory, const Prefix& text, Row (Toy::*law)(const Prefix&) const) const {
  const auto found = memory.find(text);
  return found != memory.end() ? found->second : memory.emplace(text, (toy_.*law)(text)).first->second;
}

Drafts FaultWorld::drafts(const Shape& shape, const Change& change) const {
  return [this, shape, change](const Prefix& text) {
    std::vector<WeightedTree> trees = draw_trees(toy_, text, shape);
    if (!change) return trees;
    for (WeightedTree& weighted : trees) {
      change(text, weighted.tree);
      give_q(toy_, text, weighted.tree);
    }
    return trees;
  };
}

TargetRows FaultWorld::rows() const {
  return [this](const Prefix& text, const DraftTree& tree) { return p_rows(toy_, text, tree); };
}

double FaultWorld::error(const Verifier& rule, int tokens, const Drafts& drafts, const TargetRows& p) const {
  return total_variation(law_of_text(rule, prompt_, tokens, drafts, p), law_to_follow(toy_, rule, prompt_, tokens));
}

DraftTree first_rows(const DraftTree& tree, int rows) {
  DraftTree first = DraftTree::root_only(tree.token[0]);
  for (int row = 1; row < rows; ++row) first.add(tree.token[row], tree.parent[row], tree.draw[row], tree.q_row[row]);
  return first;
}

double sound_key(const Keyring& keys, Use use, int64_t start, int index) {
  return use == Use::kTarget ? keys.uniform(use, 0, start + index, 0)
                             : keys.uniform(use, 0, start, static_cast<uint32_t>(index));
}

int MappedChance::choose(std::span<const double> h, int row) {
  double u = map_(keys_, Use::kAccept, start_, row);
  for (size_t j = 0; j < h.size(); ++j) {
    if (u < h[j]) return static_cast<int>(j);
    u -= h[j];
  }
  return -1;
}

Token MappedChance::draw_target(const float* p, int64_t vocab, int depth) {
  return pick(p, vocab, map_(keys_, Use::kTarget, start_, depth));
}

Token MappedChance::draw_coupled(const float* p, int64_t vocab, int depth) {
  return coupled_draw(p, vocab, keys_, 0, start_ + depth);
}

Token MappedChance::emit(const Residual& left, int node, int depth) {
  return left.draw(left.untouched() ? map_(keys_, Use::kTarget, start_, depth)
                                    : map_(keys_, Use::kResidual, start_, node));
}

namespace {

DraftTree drawn_chain(const FaultWorld& world, const KeyedText& how, const Prefix& text, int depth,
                      const Keyring& keys) {
  DraftTree tree = DraftTree::root_only(text.back());
  std::vector<Row> q;
  const auto start = static_cast<int64_t>(text.size());
  for (int row = 0; row <= depth; ++row) {
    q.push_back(world.q(path_text(text, tree, row)));
    tree.q_next[row] = row;
    if (row == depth) break;
    const Tensor law = tensor_of({q.back()});
    const Token x = pick(law.const_data_ptr<float>(), law.size(1), how.keys(keys, Use::kDraft, start, row + 1));
    tree.add(x, row, Draw::kIid, row);
  }
  tree.q = tensor_of(q);
  return tree;
}

}  // namespace

std::vector<Token> decode_text(const FaultWorld& world, const KeyedText& how, const Keyring& keys, std::string& trace) {
  Prefix text = world.prompt();
  const size_t first = text.size(), whole = first + static_cast<size_t>(how.tokens);
  while (text.size() < whole) {
    const int depth = std::min(how.length, static_cast<int>(whole - text.size()) - 1);
    const DraftTree tree = how.draft ? how.draft(text, depth, keys) : drawn_chain(world, how, text, depth, keys);
    std::vector<Row> p;
    for (int row = 0; row < tree.size(); ++row) p.push_back(world.p(path_text(text, tree, row)));
    MappedChance chance(keys, static_cast<int64_t>(text.size()), how.keys);
    const Verdict verdict = how.rule.verify(tree, {.p = tensor_of(p), .chance = chance});
    for (const Token x : tree.token) trace += cat(" ", x);
    for (const int row : verdict.path) trace += cat("/", row);
    for (const int row : verdict.path) text.push_back(tree.token[row]);
    text.push_back(verdict.next);
  }
  return {text.begin() + static_cast<int64_t>(first), text.begin() + static_cast<int64_t>(whole)};
}

double bisected_error(const FaultWorld& world, const KeyedText& how) {
  const Law text = enumerate([&](const Keyring& keys) {
    Shown shown;
    shown.result = decode_text(world, how, keys, shown.trace);
    return shown;
  });
  const Law own = own_law(how.tokens, [&](const std::vector<Token>& string) {
    Prefix history = world.prompt();
    history.insert(history.end(), string.begin(), string.end());
    return world.p(history);
  });
  return total_variation(text, own);
}

}  // namespace specula
