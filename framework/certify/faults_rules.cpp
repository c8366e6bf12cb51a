// Acceptance rules with a mistake in their arithmetic.  Licence: Apache-2.0.
#include "framework/certify/fault_world.h"
#include "framework/decode/follow.h"
#include "framework/decode/round_rows.h"

namespace specula {
namespace {

const Shape kChain2{"", {0, 1}, {kDrawn, kDrawn}}, kSiblings{"", {0, 0}, {kDrawn, kDrawn}};
const Shape kPoints{"", {0, 0}, {kPointed, kPointed}}, kTree{"", {0, 0, 1, 1}, {kDrawn, kDrawn, kDrawn, kDrawn}};
const Shape kPointChain{"", {0, 1}, {kPointed, kPointed}};

Finding compare(const Verifier& faulty, const Verifier& sound, const Shape& shape, int tokens,
                const FaultWorld& world = FaultWorld()) {
  const Drafts drafts = world.drafts(shape);
  return {.tv = world.error(faulty, tokens, drafts), .sound = world.error(sound, tokens, drafts)};
}

RuleOf agreement() {
  return RuleOf([](const DraftTree& tree, const Evidence& e) {
    const RoundRows rows(tree, e.p);
    return follow(tree, [&](int row, int depth) { return e.chance.draw_target(rows.p(row), rows.vocab(), depth); });
  });
}

// y ~ p; a draft that differs from it is thrown away together with y, and the token is drawn anew.
RuleOf agreement_with_redraw() {
  return RuleOf([](const DraftTree& tree, const Evidence& e) {
    const RoundRows rows(tree, e.p);
    Verdict verdict;
    for (int node = 0;;) {
      const int depth = static_cast<int>(verdict.path.size());
      const std::vector<int> children = tree.children(node);
      if (children.empty() || e.chance.draw_target(rows.p(node), rows.vocab(), depth) != tree.token[children[0]]) {
        verdict.next = e.chance.draw_target(rows.p(node), rows.vocab(), depth);
        return verdict;
      }
      node = children[0];
      verdict.path.push_back(node);
    }
  });
}

// A y of its own for each path through the node; the last one ends the round.
RuleOf agreement_per_path() {
  return RuleOf([](const DraftTree& tree, const Evidence& e) {
    const RoundRows rows(tree, e.p);
    Verdict verdict;
    for (const int child : tree.children(0)) {
      verdict.next = e.chance.draw_target(rows.p(0), rows.vocab(), 0);
      if (verdict.next != tree.token[child]) continue;
      verdict.path = {child};
      verdict.next = e.chance.draw_target(rows.p(child), rows.vocab(), 1);
      break;
    }
    return verdict;
  });
}

// Every i.i.d. sibling meets the whole p, as if the ones rejected before it had taken nothing from it.
RuleOf siblings_judged_by_p() {
  return RuleOf([](const DraftTree& tree, const Evidence& e) {
    const RoundRows rows(tree, e.p);
    Residual left(rows.p(0), rows.vocab());
    for (const int child : tree.children(0)) {
      const Token x = tree.token[child];
      if (e.chance.accept(static_cast<double>(rows.p(0)[x]) / rows.q(child)[x], child))
        return Verdict{.path = {child}, .next = e.chance.draw_target(rows.p(child), rows.vocab(), 1)};
      left.subtract(rows.q(child), 1, {});
    }
    return Verdict{.next = e.chance.emit(left, 0, 0)};
  });
}

Fault rule_fault(std::string name, std::string what, std::string seen_in, std::function<Finding()> find) {
  return {"rules", std::move(name), std::move(what), std::move(seen_in), "exact law of a text", std::move(find)};
}

}  // namespace

std::vector<Fault> faults_of_rules() {
  using Rejection = NaiveRejection::Fault;
  using Block = NaiveBlock::Fault;
  using Tree = NaiveTraversal::Fault;
  return {
      rule_fault(
          "residual_not_normalised", "The next sibling is judged by (P-q)+ as it is.", "",
          [] { return compare(NaiveRejection(Rejection::kResidualNotNormalised), NaiveRejection(), kSiblings, 2); }),
      rule_fault("siblings_judged_by_p", "Each i.i.d. sibling is judged by p/q, whatever was rejected before it.", "",
                 [] { return compare(siblings_judged_by_p(), NaiveRejection(), kSiblings, 2); }),
      rule_fault("redraw_from_full_p", "A draw that differs from the draft is thrown away, and p is drawn from again.",
                 "Medusa and REST (nucleus), romsto's n-grams",
                 [] { return compare(agreement_with_redraw(), agreement(), kPointChain, 3); }),
      rule_fault("draw_per_path", "Every path through a node draws its own token there.", "Medusa, REST",
                 [] { return compare(agreement_per_path(), agreement(), kPoints, 2); }),
      rule_fault("block_coin_of_last", "Block verification tosses for every row as for the last one.", "",
                 [] { return compare(NaiveBlock(Block::kCoinOfLast), NaiveBlock(), kChain2, 3); }),
      rule_fault("block_residual_of_token", "Block verification ends in norm((p-q)+) instead of norm((P p - q)+).", "",
                 [] { return compare(NaiveBlock(Block::kResidualOfToken), NaiveBlock(), kChain2, 3, FaultWorld(2)); }),
      rule_fault("traversal_node_recomputed", "A node's rate is computed from its parent again when a child is lost.",
                 "", [] { return compare(NaiveTraversal(Tree::kNodeRecomputed), NaiveTraversal(), kTree, 2); }),
      rule_fault("traversal_descendants_kept", "The rates below a node stay what they were when a child is lost.", "",
                 [] { return compare(NaiveTraversal(Tree::kDescendantsKept), NaiveTraversal(), kTree, 2); }),
      rule_fault("kseq_rho_low", "k-SEQ divides by a rho 3 % too low; what is left of p has negative entries.", "",
                 [] { return compare(NaiveKSeq(0.97), NaiveKSeq(), kSiblings, 2); }),
  };
}

}  // namespace specula
