// What a drafter says: a tree of tokens and how each was chosen.  Chain, tree, nothing: one type.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "framework/core/tensor.h"
#include "framework/core/token.h"

namespace specula {

// The law of a draft.  A row may claim kIid, kWithoutReplacement or kCoupled only if, given everything that decided
// that the row exists (earlier siblings in the order the verifier sees them), its token has exactly the claimed law. So
// a tree may grow on what was already drawn and may stop before a draw; it must never delete, sort, merge or
// deduplicate rows that were drawn: declare those kPoint.  kPoint claims only independence from the verifier's random
// numbers.  A token nobody could draw (q = 0) is kPoint.
enum class Draw {
  kPoint,
  kIid,
  kWithoutReplacement,  // q_row is the q before any removal; the verifier gives the earlier siblings mass 0 in it,
                        // whatever their own law, and renormalises
  kCoupled,             // drawn with the noise of Use::kCoupled at its position
  kProbe                // not a candidate: the drafter wants its logits (lookahead's window).  Probes stand behind
                        // all candidates, and no rule sees them
};
const char* name_of(Draw draw);
std::string names_of(const std::vector<Draw>& draws);  // "point, iid"
std::vector<Draw> every_law();                         // that a candidate can have

// Row 0 is the last committed token.  parent[i] < i makes every pass over a tree a for-loop.  Nothing drafted: size()
// == 1; a finished sequence of a batch: size() == 0.
struct DraftTree {
  std::vector<Token> token{};  // [R]
  std::vector<int> parent{};   // [R] parent[0] == -1, parent[i] < i; siblings in the order the verifier must see them
  std::vector<Draw> draw{};    // [R] siblings may differ (union of drafters)
  std::vector<int> q_row{};    // [R] row of q that the token was drawn from; -1 for kPoint and kProbe
  std::vector<int>
      q_next{};  // [R] row of q for the token *after* row i, drawn or not; -1 unknown.  Rules whose law mixes p
                 //     and q need it at every row, leaves included
  Tensor q;      // [G,V] float32, after the sampling policy, rows sum to 1; undefined if nobody needs it

  int size() const { return static_cast<int>(token.size()); }
  int add(Token new_token, int new_parent, Draw new_draw, int new_q_row = -1);  // returns the row
  std::vector<int> children(int row) const;                                     // ascending: the verifier's order
  int depth(int row) const;                                                     // the root has depth 0
  std::vector<Token> path_tokens(int row) const;  // below the root, down to and with `row`

  static DraftTree root_only(Token last);
  static DraftTree chain_of_points(Token last, const std::vector<Token>& tokens);
};

// Candidates below the root, probes left out, and the depth of the deepest.
struct TreeSize {
  int candidates = 0, deepest = 0;
};
TreeSize size_of(const DraftTree& tree);

// The rows before the first probe.
DraftTree without_probes(const DraftTree& tree);

// Throws std::logic_error naming the row if the tree breaks one of the rules above: order of parents, root token,
// tokens in [0,V), siblings distinct unless drawn i.i.d., q_row in range, q rows that sum to 1, mass of a drawn token
// in its q. `kStructure` leaves the two checks over q out (they cost O(G V)).
enum class TreeCheck { kStructure, kAll };
void check_tree(const DraftTree& tree, Token last, int64_t vocab, TreeCheck how);

}  // namespace specula
