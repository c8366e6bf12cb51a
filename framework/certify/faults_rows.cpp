// Rows of p and q that are not what the sampling policy makes of the text before them.  Licence: Apache-2.0.
#include <ATen/ops/empty.h>

#include <algorithm>

#include "framework/certify/fault_world.h"
#include "framework/decode/sampler.h"

namespace specula {
namespace {

constexpr uint64_t kSeed = 3;  // of the toys that have another policy
const Shape kChain{"", {0, 1}, {kDrawn, kDrawn}};

Finding raw_q() {
  const FaultWorld world;
  const Drafts raw = [&](const Prefix& text) {
    std::vector<WeightedTree> trees = draw_trees(world.toy(), text, kChain);
    for (WeightedTree& weighted : trees) {
      std::vector<Row> rows;
      for (int row = 0; row < weighted.tree.size(); ++row)
        rows.push_back(world.toy().q_before_policy(path_text(text, weighted.tree, row)));
      weighted.tree.q = tensor_of(rows);
    }
    return trees;
  };
  return {.tv = world.error(ratio_rule(), 3, raw), .sound = world.error(ratio_rule(), 3, world.drafts(kChain))};
}

Finding raw_bonus_row() {
  const FaultWorld world;
  const TargetRows raw = [&](const Prefix& text, const DraftTree& tree) {
    std::vector<Row> rows;
    for (int row = 0; row < tree.size(); ++row) {
      const Prefix path = path_text(text, tree, row);
      rows.push_back(row + 1 == tree.size() && row > 0 ? world.toy().p_before_policy(path) : world.p(path));
    }
    return tensor_of(rows);
  };
  const Drafts drafts = world.drafts(kChain);
  return {.tv = world.error(ratio_rule(), 3, drafts, raw), .sound = world.error(ratio_rule(), 3, drafts)};
}

// Tokens of the text, the prompt included, are made less likely.
struct Penalty final : LogitsProcessor {
  void apply(Tensor& logits, const RowContext& context) const override {
    const int64_t vocab = logits.size(1);
    for (size_t j = 0; j < context.rows.size(); ++j) {
      const Prefix history = path_text(context.prefix, context.tree, context.rows[j]);
      float* row = logits.mutable_data_ptr<float>() + static_cast<int64_t>(j) * vocab;
      for (Token x = 0; x < vocab; ++x) row[x] -= static_cast<float>(std::count(history.begin(), history.end(), x));
    }
  }
};

// p of every row of a drafted chain; `counted(row)` is the row down to which its history goes.
Tensor penalised_rows(const Toy& toy, const Sampler& sampler, const Prefix& text, const DraftTree& tree,
                      const std::function<int(int row)>& counted) {
  Tensor p = at::empty({tree.size(), toy.vocab()});
  for (int row = 0; row < tree.size(); ++row) {
    const std::vector<float> logits = toy.target().logits(path_text(text, tree, row));
    Tensor one = at::empty({1, toy.vocab()});
    std::copy(logits.begin(), logits.end(), one.mutable_data_ptr<float>());
    const Keyring keys(0);
    const int rows[] = {counted(row)};
    const Tensor law = sampler.distribution(
        one, {.prefix = text, .tree = tree, .rows = rows, .keys = keys, .request = 0, .prompt = 1, .stop = {}});
    std::copy_n(law.const_data_ptr<float>(), toy.vocab(), p.mutable_data_ptr<float>() + row * toy.vocab());
  }
  return p;
}

Finding history_of_whole_draft() {
  Sampler sampler;
  sampler.steps.push_back(std::make_unique<Penalty>());
  const Toy toy(kSeed, 3, sampler);
  const Prefix prompt{0, 1, 0};
  const RuleOf rule = ratio_rule();
  const Drafts drafts = [&](const Prefix& text) { return draw_trees(toy, text, kChain); };
  const auto error = [&](const std::function<int(const DraftTree& tree, int row)>& counted) {
    const TargetRows rows = [&](const Prefix& text, const DraftTree& tree) {
      return penalised_rows(toy, sampler, text, tree, [&](int row) { return counted(tree, row); });
    };
    return total_variation(law_of_text(rule, prompt, 3, drafts, rows), law_to_follow(toy, rule, prompt, 3));
  };
  return {.tv = error([](const DraftTree& tree, int) { return tree.size() - 1; }),
          .sound = error([](const DraftTree&, int row) { return row; })};
}

// The mass that the text has beside the greedy one.
Finding greedy_by_ratio_test() {
  const auto beside_greedy = [](const Toy& toy) {
    Prefix text{0, 1, 0};
    const Prefix prompt = text;
    const Shape shape{"", {0, 1}, {kDrawn, kDrawn}};
    const Law law = law_of_text(
        ratio_rule(), prompt, 4, [&](const Prefix& prefix) { return draw_trees(toy, prefix, shape); },
        [&](const Prefix& prefix, const DraftTree& tree) { return p_rows(toy, prefix, tree); });
    while (text.size() < prompt.size() + 4) {
      const std::vector<float> logits = toy.target().logits(text);
      text.push_back(argmax(logits.data(), toy.vocab()));
    }
    return total_variation(law, {{{text.begin() + static_cast<int64_t>(prompt.size()), text.end()}, 1.0}});
  };
  struct Greedy final : LogitsProcessor {
    void apply(Tensor& /*logits*/, const RowContext& /*context*/) const override {}
    bool is_greedy() const override { return true; }
  };
  Sampler greedy;
  greedy.steps.push_back(std::make_unique<Greedy>());
  const Sampler plain;
  return {.tv = beside_greedy(Toy(kSeed, 3, plain)), .sound = beside_greedy(Toy(kSeed, 3, greedy))};
}

}  // namespace

std::vector<Fault> faults_of_rows() {
  const std::string exact = "exact law of a text";
  return {
      {"rows", "raw_q", "Tokens are drawn from q after the policy, q before it is what the rule gets.",
       "three generators of HF transformers, issue 47932", exact, raw_q},
      {"rows", "raw_bonus_row", "The row after the last draft is softmax of the logits, without the policy.",
       "SAMD, SWIFT, Spec-Bench's EAGLE copies", exact, raw_bonus_row},
      {"rows", "history_of_whole_draft", "A penalty on earlier tokens sees the whole draft at every row.", "LayerSkip",
       exact, history_of_whole_draft},
      {"rows", "greedy_by_ratio_test", "Greedy decoding is the ratio test between softmax laws at temperature 1.",
       "romsto/Speculative-Decoding", "greedy text", greedy_by_ratio_test},
  };
}

}  // namespace specula
