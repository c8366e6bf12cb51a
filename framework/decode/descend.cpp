#include "framework/decode/descend.h"

namespace specula {

Verdict descend(const RoundRows& rows, const LawOfRow& law, Chance& chance, const JudgeNode& judge) {
  Verdict verdict;
  for (int node = 0;;) {
    Residual left(law(node), rows.vocab());
    const int accepted = judge(rows.candidates(node), left);
    if (accepted < 0) {
      verdict.next = chance.emit(left, node, static_cast<int>(verdict.path.size()));
      return verdict;
    }
    verdict.path.push_back(accepted);
    node = accepted;
  }
}

}  // namespace specula
