// Acceptance rules written a second time, slowly and apart from those that run, from the papers' statements, with
// switches that break them.  Without a fault they are the oracles of the rules in verifiers/; with one they show that
// the instruments can fail.  O(R V) vectors of doubles; for toys only.  Licence: Apache-2.0.
#pragma once

#include "framework/certify/toy.h"

namespace specula {

Row row_of(const Tensor& matrix, int64_t row);          // of a [R,V] float32
Row normalised(Row row);                                // a row without mass stays as it is
Row left_of(const Row& p, double scale, const Row& q);  // (scale p - q)+, not normalised

// The ratio test on trees of any laws: Leviathan et al. 2023, Miao et al. 2023, Chen et al. 2024.
class NaiveRejection final : public Verifier {
 public:
  enum class Fault {
    kNone,
    kResidualNotNormalised,  // P <- (P-q)+ and the next sibling is judged by it as it is
    kNoMassAccepted          // a token that q cannot give has the ratio P/0
  };
  explicit NaiveRejection(Fault fault = Fault::kNone) : fault_(fault) {}
  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override;

 private:
  Fault fault_;
};

// Block verification of a chain: Sun et al. 2024, algorithm 2.
class NaiveBlock final : public Verifier {
 public:
  enum class Fault {
    kNone,
    kCoinOfLast,      // every row is tossed for with P_i, as only the last one should be
    kPadded,          // the last row counts as one in the middle where the chain is shorter than `longest`
    kResidualOfToken  // norm((p - q)+), as if the prefix had been accepted for certain
  };
  explicit NaiveBlock(Fault fault = Fault::kNone, int longest = 0) : fault_(fault), longest_(longest) {}
  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override;

 private:
  Fault fault_;
  int longest_;
};

// Traversal verification of a tree, leaves first: Weng et al. 2025.
class NaiveTraversal final : public Verifier {
 public:
  enum class Fault {
    kNone,
    kNodeRecomputed,  // after the loss of a child a node's rate is computed from its parent again
    kDescendantsKept  // and the rates of its other descendants stay what they were
  };
  explicit NaiveTraversal(Fault fault = Fault::kNone) : fault_(fault) {}
  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override;

 private:
  Fault fault_;
};

// k-SEQ over i.i.d. siblings: Sun et al. 2023 (SpecTr), algorithm 3; level by level in a tree.
class NaiveKSeq final : public Verifier {
 public:
  explicit NaiveKSeq(double rho_factor = 1) : rho_factor_(rho_factor) {}  // of the right rho
  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override;

 private:
  double rho_factor_;
};

}  // namespace specula
