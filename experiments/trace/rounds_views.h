// The rounds of a prompt as text, JSON and a page; all three say the same.  Licence: Apache-2.0.
#pragma once

#include <string>

#include "experiments/trace/run_rounds.h"

namespace specula {

enum class Color { kPlain, kAnsi };

std::string rounds_text(const PromptRounds& rounds, Color color);
std::string rounds_json(const PromptRounds& rounds);
std::string rounds_page(const PromptRounds& rounds);  // one file that loads nothing

// What the views share.

// "run 01J..., temperature(0.7), category story, turn 0 of 0..1, repetition 0 of 0..1"
std::string place_line(const PromptRounds& rounds);
// "sps: draft_model(length = 2) + greedy_match, greedy exact"
std::string arm_line(const ArmRounds& arm);
// "12 tokens in 5 rounds, 16 drafted, 8 accepted, tau 2.40, alpha 0.714; the text is the baseline's"
std::string counts_line(const ArmRounds& arm);
// Why rejected tokens cannot be shown, and how they can; "" where they are, and where nothing was drafted.
std::string unrecorded_note(const ArmRounds& arm);
// What was refused where the round's last token stands: siblings, often one.  Empty: nothing, or not known.
std::vector<const FatedRow*> refused_at_end(const RunRound& round);
std::string mass_text(double p);                                   // "0.912", "2e-05"
std::string ratio_text(const std::optional<double>& q, double p);  // p/q; "–" without q

}  // namespace specula
