// From the root down, node by node: the walk that rules share which decide among the children of one node before they
// look below it.  Licence: Apache-2.0.
#pragma once

#include <functional>

#include "framework/decode/round_rows.h"
#include "framework/decode/verifier.h"

namespace specula {

// The law [V] that the token after a row is to follow; called for the rows that are visited.
using LawOfRow = std::function<const float*(int row)>;

// Which of `children`, the candidates below a node, is accepted; -1: none, and `left`, the law of the node at first, is
// what the token that ends the round is drawn from.
using JudgeNode = std::function<int(const std::vector<int>& children, Residual& left)>;

Verdict descend(const RoundRows& rows, const LawOfRow& law, Chance& chance, const JudgeNode& judge);

}  // namespace specula
