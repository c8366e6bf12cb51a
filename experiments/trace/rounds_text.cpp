// The rounds of a prompt as text, with colours or with marks.
#include <algorithm>
#include <sstream>

#include "experiments/trace/rounds_views.h"
#include "framework/core/error.h"

namespace specula {
namespace {

constexpr size_t kMostPrompt = 400;  // bytes of the prompt that are shown, its end

enum class Style { kAccepted, kRejected, kOwn, kFaint };

// Where there are no colours a text reads as wdiff writes it.
class Painter {
 public:
  explicit Painter(Color color) : ansi_(color == Color::kAnsi) {}

  std::string painted(const std::string& text, Style style) const {
    if (!ansi_ || text.empty()) return text;
    static const char* const kCodes[] = {"32", "31;9", "1", "2"};
    return cat("\x1b[", kCodes[static_cast<int>(style)], "m", text, "\x1b[0m");
  }
  std::string marked(const std::string& text, Style style) const {
    if (ansi_ || text.empty()) return painted(text, style);
    return style == Style::kRejected ? cat("[-", text, "-]") : style == Style::kOwn ? cat("{+", text, "+}") : text;
  }

 private:
  bool ansi_;
};

Style style_of(Fate fate) {
  switch (fate) {
    case Fate::kAccepted:
      return Style::kAccepted;
    case Fate::kRejected:
      return Style::kRejected;
    case Fate::kDropped:
    case Fate::kCut:
      return Style::kFaint;
  }
  return Style::kFaint;
}

// A text may break lines; nothing else in it may move the cursor.
std::string printable(const std::string& text) {
  std::string out;
  for (const char c : text) out += (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7F ? ' ' : c;
  return out;
}

std::string indented(const std::string& text) {
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) out += cat("  ", line, "\n");
  return out;
}

std::string prompt_part(const PromptRounds& all) {
  std::string out = cat("Prompt ", all.prompt, ", ", place_line(all), "\n");
  if (!all.text_missing.empty()) return out + cat("  its text is not shown: ", all.text_missing, "\n");
  std::string text = all.text;
  if (text.size() > kMostPrompt) {
    size_t from = text.size() - kMostPrompt;
    while ((static_cast<unsigned char>(text[from]) & 0xC0) == 0x80) ++from;  // the middle of a character
    text = "... " + text.substr(from);
  }
  return out + indented(printable(text));
}

std::string legend(const Painter& paint) {
  return cat("\nIn the texts: ", paint.marked("drafted and accepted", Style::kAccepted), ", ",
             paint.marked("rejected", Style::kRejected), ", ", paint.marked("the target's own", Style::kOwn),
             ".\nIn the rounds: p in the target's law, q in the draft's; dropped: below a rejected token or behind the "
             "sibling that\nwas taken; cut: accepted behind the end of the text.\n");
}

// The text, with what was rejected in front of what came instead.
std::string text_part(const ArmRounds& arm, const Painter& paint) {
  const std::vector<std::string> parts = arm.names->parts(arm.record.out);
  std::string out;
  size_t at = 0;
  for (const RunRound& round : arm.rounds) {
    std::vector<std::string> refused;
    for (const FatedRow* row : refused_at_end(round)) refused.push_back(arm.names->name(row->id));
    for (size_t i = 0; i < round.tokens.size(); ++i) {
      const bool is_own = round.tokens[i].source != Source::kDraft;
      if (is_own && i + 1 == round.tokens.size()) out += paint.marked(join(refused, "|"), Style::kRejected);
      out += paint.marked(printable(parts[at++]), is_own ? Style::kOwn : Style::kAccepted);
    }
  }
  return indented(out);
}

// `text` in a column of so many characters.
std::string column(std::string text, size_t width) {
  const auto characters = static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  return text + std::string(width > characters ? width - characters : 0, ' ');
}

std::string laws(const std::optional<double>& p, const std::optional<double>& q) {
  if (!p) return std::string(27, ' ');
  return cat(column(cat("p ", mass_text(*p)), 9), column(cat("q ", q ? mass_text(*q) : "–"), 9),
             column(cat("p/q ", ratio_text(q, *p)), 9));
}

std::string drafted_line(const ArmRounds& arm, const FatedRow& row, bool is_tree, const Painter& paint) {
  return cat("  ", column(cat("depth ", row.depth), 9), column(name_of(row.fate), 10), laws(row.p, row.q), " '",
             paint.painted(arm.names->name(row.id), style_of(row.fate)), "'",
             is_tree ? cat("  row ", row.row, " below ", row.parent) : "", "\n");
}

std::string round_part(const ArmRounds& arm, size_t index, const Painter& paint) {
  const RunRound& round = arm.rounds[index];
  const bool is_tree = round.drafted != round.depth;
  std::string out = cat("Round ", index + 1, " at token ", round.start + 1, ": ", round.drafted, " drafted, ",
                        round.accepted, " accepted, ", round.tokens.size(), " kept", round.is_cut ? ", cut" : "", "\n");
  int64_t dropped = 0;
  if (round.fates) {
    for (const FatedRow& row : round.fates->rows) {
      // Of a tree only what stands beside the text.
      if (is_tree && row.fate == Fate::kDropped) {
        ++dropped;
      } else {
        out += drafted_line(arm, row, is_tree, paint);
      }
    }
  }
  for (size_t i = 0; i < round.tokens.size(); ++i) {
    const RoundToken& token = round.tokens[i];
    const bool is_own = token.source != Source::kDraft;
    if (round.fates && !is_own) continue;  // its row tells it
    const auto& fates = round.fates;
    out += cat("  ", column("", 9), column(is_own ? name_of(token.source) : "accepted", 10),
               laws(fates ? fates->p : std::nullopt, fates ? fates->q : std::nullopt), " '",
               paint.painted(arm.names->name(token.id), is_own ? Style::kOwn : Style::kAccepted), "'\n");
  }
  if (dropped > 0) out += cat("  and ", dropped, " dropped\n");
  return out;
}

std::string arm_part(const ArmRounds& arm, const Painter& paint) {
  std::string out = cat("\n", paint.painted(arm_line(arm), Style::kOwn), "\n", counts_line(arm), "\n");
  for (const std::string& note : {unrecorded_note(arm), arm.names->missing()})
    if (!note.empty()) out += note + "\n";
  if (arm.rounds.empty()) return out;
  out += text_part(arm, paint);
  const bool drafts = std::any_of(arm.rounds.begin(), arm.rounds.end(), [](const auto& r) { return r.drafted > 0; });
  for (size_t i = 0; drafts && i < arm.rounds.size(); ++i) out += round_part(arm, i, paint);
  return out;
}

}  // namespace

std::string rounds_text(const PromptRounds& rounds, Color color) {
  const Painter paint(color);
  std::string out = prompt_part(rounds) + legend(paint);
  for (const ArmRounds& arm : rounds.arms) out += arm_part(arm, paint);
  return out;
}

}  // namespace specula
