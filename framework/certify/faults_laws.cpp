// Drafts that lie about the law of their tokens.  Licence: Apache-2.0.
#include <algorithm>

#include "framework/certify/fault_world.h"

namespace specula {
namespace {

const std::string kExactText = "exact law of a text";
constexpr double kUnsure = 0.4;  // a drawn token with less in q counts as unlikely

using Changes = std::function<void(const FaultWorld& world, const Prefix& text, DraftTree& tree)>;

// The shape, drawn and changed twice: as the fault has it, and as it should be.
struct Pair {
  Shape shape;
  Changes faulty, sound;
  int tokens = 2;
};

Finding compare(const Pair& pair, const Verifier& rule) {
  const FaultWorld world;
  const auto error = [&](const Changes& change) {
    return world.error(rule, pair.tokens, world.drafts(pair.shape, [&](const Prefix& text, DraftTree& tree) {
      if (change) change(world, text, tree);
    }));
  };
  return {.tv = error(pair.faulty), .sound = error(pair.sound)};
}

Finding under_the_ratio_test(const Pair& pair) { return compare(pair, ratio_rule()); }

// A node of children; drawn rows hang from their parent's q.
DraftTree fan(Token root, const std::vector<std::pair<Token, Draw>>& children) {
  DraftTree tree = DraftTree::root_only(root);
  for (const auto& [token, draw] : children) tree.add(token, 0, draw, draw == Draw::kPoint ? -1 : 0);
  return tree;
}

void declare(DraftTree& tree, Draw draw) {
  for (int row = 1; row < tree.size(); ++row) {
    tree.draw[row] = draw;
    tree.q_row[row] = draw == Draw::kPoint ? -1 : tree.parent[row];
  }
}

Changes and_declare(const Changes& change, Draw draw) {
  return [=](const FaultWorld& world, const Prefix& text, DraftTree& tree) {
    change(world, text, tree);
    declare(tree, draw);
  };
}

// The children of the root in the order of q, the likeliest first, at most so many.
Changes best_of(size_t kept) {
  return [=](const FaultWorld& world, const Prefix& text, DraftTree& tree) {
    const Row& q = world.q(text);
    std::vector<Token> tokens(tree.token.begin() + 1, tree.token.end());
    std::stable_sort(tokens.begin(), tokens.end(), [&](Token a, Token b) { return q[a] > q[b]; });
    DraftTree sorted = DraftTree::root_only(tree.token[0]);
    for (size_t i = 0; i < std::min(kept, tokens.size()); ++i) sorted.add(tokens[i], 0, tree.draw[1], tree.q_row[1]);
    tree = sorted;
  };
}

void without_doubles(const FaultWorld& /*world*/, const Prefix& /*text*/, DraftTree& tree) {
  if (tree.size() == 3 && tree.token[1] == tree.token[2]) tree = first_rows(tree, 2);
}

void drop_unlikely_end(const FaultWorld& world, const Prefix& text, DraftTree& tree) {
  const int last = tree.size() - 1;
  if (world.q(path_text(text, tree, last - 1))[tree.token[last]] < kUnsure) tree = first_rows(tree, last);
}

void stop_behind_unlikely(const FaultWorld& world, const Prefix& text, DraftTree& tree) {
  if (world.q(text)[tree.token[1]] < kUnsure) tree = first_rows(tree, 2);
}

// Drafts of one token after each text, drawn from q, with what is to be made of it.
using Alternatives = std::function<std::vector<WeightedTree>(const FaultWorld& world, const Prefix& text)>;

Finding compare_alternatives(const Alternatives& faulty, const Alternatives& sound, const Verifier& rule) {
  const FaultWorld world;
  const auto error = [&](const Alternatives& drafts) {
    return world.error(rule, 2, [&](const Prefix& text) { return drafts(world, text); });
  };
  return {.tv = error(faulty), .sound = error(sound)};
}

WeightedTree one_token(const Prefix& text, Token x, const Row& law, double mass, Draw draw) {
  WeightedTree weighted{fan(text.back(), {{x, draw}}), mass};
  weighted.tree.q = tensor_of({law});
  return weighted;
}

// One drafter draws from q; where its token is not to its liking another drafter, less sharp, is asked instead.
Alternatives switching(const std::function<bool(double mass, Token x)>& is_kept, Draw kept, Draw second) {
  return [=](const FaultWorld& world, const Prefix& text) {
    const Row &q = world.q(text), other = world.toy().q_before_policy(text);
    std::vector<WeightedTree> trees;
    double refused = 0;
    for (Token x = 0; x < static_cast<Token>(q.size()); ++x) {
      if (is_kept(q[x], x)) {
        trees.push_back(one_token(text, x, q, q[x], kept));
      } else {
        refused += q[x];
      }
    }
    for (Token x = 0; x < static_cast<Token>(other.size()); ++x)
      trees.push_back(one_token(text, x, other, refused * other[x], second));
    return trees;
  };
}

bool is_sure(double mass, Token /*x*/) { return mass >= kUnsure; }
bool is_not_the_last(double /*mass*/, Token x) { return x != 2; }

// A draft model that decodes speculatively itself, with a smaller one: its tokens follow q, whichever way they came.
Alternatives cascade(bool declares_residual) {
  return [=](const FaultWorld& world, const Prefix& text) {
    const Row &q = world.q(text), small = world.toy().q_before_policy(text);
    const Row residual = normalised(left_of(q, 1, small));
    std::vector<WeightedTree> trees;
    double rejected = 0;
    for (Token x = 0; x < static_cast<Token>(q.size()); ++x) {
      const double accepted = std::min(q[x], small[x]);
      rejected += small[x] - accepted;
      if (accepted > 0) trees.push_back(one_token(text, x, q, accepted, kDrawn));
    }
    for (Token x = 0; x < static_cast<Token>(q.size()); ++x) {
      if (residual[x] > 0)
        trees.push_back(one_token(text, x, declares_residual ? residual : q, rejected * residual[x], kDrawn));
    }
    return trees;
  };
}

// Both tokens of a law that has one.
Alternatives filled(Draw filler) {
  return [=](const FaultWorld& world, const Prefix& text) {
    const Row& q = world.q(text);
    Row sharp(q.size(), 0.0);
    const auto best = static_cast<Token>(std::max_element(q.begin(), q.end()) - q.begin());
    sharp[best] = 1;
    WeightedTree weighted{fan(text.back(), {{best, kWithout}, {(best + 1) % 3, filler}})};
    weighted.tree.q = tensor_of({sharp});
    return std::vector<WeightedTree>{weighted};
  };
}

Fault law_fault(std::string name, std::string what, std::string seen_in, std::function<Finding()> find) {
  return {"laws", std::move(name), std::move(what), std::move(seen_in), kExactText, std::move(find)};
}

std::vector<Fault> faults_of_siblings() {
  const Shape two_without{"", {0, 0}, {kWithout, kWithout}}, two_iid{"", {0, 0}, {kDrawn, kDrawn}};
  const Shape point_then_drawn{"", {0, 0}, {kPointed, kWithout}};
  return {
      law_fault("pruned_declared_without_replacement", "Of two drawn siblings the likelier is kept, declared as drawn.",
                "",
                [=] {
                  return under_the_ratio_test({two_without, best_of(1), and_declare(best_of(1), kPointed)});
                }),
      law_fault("siblings_sorted", "Drawn siblings are sorted by q, declared as drawn in that order.", "",
                [=] {
                  return under_the_ratio_test({two_without, best_of(2), and_declare(best_of(2), kPointed)});
                }),
      law_fault("top_k_declared_without_replacement", "The two likeliest tokens, declared as drawn.", "",
                [] {
                  const Shape all{"", {0, 0, 0}, {kPointed, kPointed, kPointed}};
                  return under_the_ratio_test({all, and_declare(best_of(2), kWithout), best_of(2)});
                }),
      law_fault("iid_deduplicated", "Of two equal i.i.d. siblings one is dropped, the rest declared i.i.d.", "",
                [=] {
                  return under_the_ratio_test({two_iid, without_doubles, and_declare(without_doubles, kPointed)});
                }),
      law_fault("union_sibling_not_zeroed",
                "Beside a point a token is drawn from q without it, declared as drawn from the whole q.", "",
                [=] {
                  const Changes whole = [](const FaultWorld&, const Prefix&, DraftTree& tree) {
                    tree.draw[2] = kDrawn;
                  };
                  return under_the_ratio_test({point_then_drawn, whole, nullptr});
                }),
      law_fault("filler_without_mass", "A second sibling where q has one token, declared as drawn and judged by P/0.",
                "",
                [] {
                  const NaiveRejection rule(NaiveRejection::Fault::kNoMassAccepted);
                  return compare_alternatives(filled(kWithout), filled(kPointed), rule);
                }),
  };
}

std::vector<Fault> faults_of_length() {
  return {
      law_fault("drawn_token_dropped", "A drawn token that turns out unlikely ends the draft and is dropped.", "",
                [] {
                  return under_the_ratio_test({{"", {0}, {kDrawn}}, drop_unlikely_end, nullptr});
                }),
      law_fault("drawn_token_dropped_block", "The same under block verification.", "",
                [] {
                  return compare({{"", {0, 1}, {kDrawn, kDrawn}}, drop_unlikely_end, nullptr, 3}, NaiveBlock());
                }),
      law_fault("block_padded_to_maximum",
                "Block verification judges the last row of a shorter draft as one in the middle.", "",
                [] {
                  const Pair pair{{"", {0, 1}, {kDrawn, kDrawn}}, stop_behind_unlikely, stop_behind_unlikely, 3};
                  return Finding{.tv = compare(pair, NaiveBlock(NaiveBlock::Fault::kPadded, 2)).tv,
                                 .sound = compare(pair, NaiveBlock()).tv};
                }),
  };
}

std::vector<Fault> faults_of_choice() {
  return {
      law_fault("switch_by_drawn_confidence",
                "A drawn token with little mass is replaced by another drafter's, both declared as drawn.", "",
                [] {
                  return compare_alternatives(switching(is_sure, kDrawn, kDrawn),
                                              switching(is_sure, kPointed, kPointed), ratio_rule());
                }),
      law_fault("fallback_by_own_draw",
                "A draft is empty where it drew a certain token; the next drafter is asked then, both declared drawn.",
                "",
                [] {
                  return compare_alternatives(switching(is_not_the_last, kDrawn, kDrawn),
                                              switching(is_not_the_last, kPointed, kPointed), ratio_rule());
                }),
      law_fault("residual_law_declared",
                "A draft model that speculates itself declares the residual that it drew from instead of q.", "",
                [] { return compare_alternatives(cascade(true), cascade(false), ratio_rule()); }),
      law_fault("point_judged_as_drawn", "The most likely token is judged by p/q and leaves (p-q)+.",
                "llama.cpp examples/speculative",
                [] {
                  const Changes as_drawn = [](const FaultWorld&, const Prefix&, DraftTree& tree) {
                    declare(tree, kDrawn);
                  };
                  return under_the_ratio_test({{"", {0, 1}, {kPointed, kPointed}}, as_drawn, nullptr});
                }),
  };
}

}  // namespace

std::vector<Fault> faults_of_laws() {
  std::vector<Fault> all;
  for (const auto& some : {faults_of_siblings(), faults_of_length(), faults_of_choice()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

}  // namespace specula
