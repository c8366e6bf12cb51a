// The rounds of a prompt as a page.  Fates are told by line and weight as well as by colour, and all that hovering
// shows stands in the tables too.
#include "experiments/pages/markup.h"
#include "experiments/pages/page_parts.h"
#include "experiments/report/table.h"
#include "experiments/trace/rounds_views.h"
#include "framework/core/error.h"

namespace specula {
namespace {

using enum MarkdownTable::Align;

constexpr const char* kStyle = R"css(
h2, nav a { overflow-wrap: anywhere; min-width: 0; }
.tokens { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 16px; line-height: 1.9; margin: 8px 0; }
.tokens > * { border-radius: 3px; margin-right: 1px; }
.tokens > :hover { background: var(--grid); }
.accepted { color: var(--good); text-decoration: underline; text-decoration-thickness: 1px; text-underline-offset: 4px; }
.rejected { color: var(--bad); text-decoration: line-through; font-size: 13px; }
del + del::before { content: "|"; }
.own { color: var(--ink); font-weight: 700; }
.prompt { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
@media print { .tokens { font-size: 11px; } .rejected { font-size: 9px; } }
)css";

std::string span_html(const char* element, const char* style, const std::string& text, const std::string& title) {
  return cat("<", element, " class=\"", style, "\" title=\"", escaped(title), "\">", escaped(text), "</", element, ">");
}

std::string laws_text(const std::optional<double>& p, const std::optional<double>& q) {
  if (!p) return "";
  return cat(", p ", mass_text(*p), ", q ", q ? mass_text(*q) : "–", ", p/q ", ratio_text(q, *p));
}

std::string source_text(Source source) {
  switch (source) {
    case Source::kDraft:
      return "drafted and accepted";
    case Source::kBonus:
      return "bonus behind an accepted draft";
    case Source::kInstead:
      return "the target's, instead of what it rejected";
    case Source::kTarget:
      return "the target's own";
  }
  return "";
}

// The row of the draft that the i-th token of the round came from; null: not known, or the target's own.
const FatedRow* row_of(const RunRound& round, size_t i) {
  if (!round.fates || round.tokens[i].source != Source::kDraft) return nullptr;
  for (const FatedRow& row : round.fates->rows) {
    if (row.fate == Fate::kAccepted && row.depth == static_cast<int>(i) + 1) return &row;
  }
  return nullptr;
}

std::string token_title(size_t index, const RunRound& round, size_t i) {
  const FatedRow* const row = row_of(round, i);
  const RoundToken& token = round.tokens[i];
  std::string title = cat("round ", index + 1, ", depth ", i + 1, ": ", source_text(token.source));
  if (row != nullptr) return cat(title, laws_text(row->p, row->q), ", ", name_of(row->draw), ", id ", token.id);
  const bool is_own = token.source != Source::kDraft && round.fates;
  return cat(title, is_own ? laws_text(round.fates->p, round.fates->q) : "", ", id ", token.id);
}

std::string rejected_html(const ArmRounds& arm, size_t index) {
  std::string html;
  for (const FatedRow* row : refused_at_end(arm.rounds[index])) {
    html += span_html("del", "rejected", arm.names->name(row->id),
                      cat("round ", index + 1, ", depth ", row->depth, ": rejected", laws_text(row->p, row->q), ", ",
                          name_of(row->draw), ", id ", row->id));
  }
  return html;
}

std::string text_html(const ArmRounds& arm) {
  const std::vector<std::string> parts = arm.names->parts(arm.record.out);
  std::string html = "<p class=\"tokens\">";
  size_t at = 0;
  for (size_t r = 0; r < arm.rounds.size(); ++r) {
    const RunRound& round = arm.rounds[r];
    for (size_t i = 0; i < round.tokens.size(); ++i) {
      const bool is_own = round.tokens[i].source != Source::kDraft;
      if (is_own && i + 1 == round.tokens.size()) html += rejected_html(arm, r);
      html += span_html(is_own ? "b" : "span", is_own ? "own" : "accepted", parts[at++], token_title(r, round, i));
    }
  }
  return html + "</p>\n";
}

std::string q_text(const std::optional<double>& q) { return q ? mass_text(*q) : "–"; }

void add_drafted(const ArmRounds& arm, size_t index, MarkdownTable& table) {
  for (const FatedRow& row : arm.rounds[index].fates->rows) {
    table.row({cat(index + 1), cat(row.depth), arm.names->name(row.id), name_of(row.fate), mass_text(row.p),
               q_text(row.q), ratio_text(row.q, row.p), name_of(row.draw), cat(row.row), cat(row.parent)});
  }
}

// A row for each drafted token and for each of the target's own.
std::string rounds_table(const ArmRounds& arm) {
  MarkdownTable table;
  table.column("round", kLeft);
  table.column("depth", kRight);
  for (const char* const title : {"token", "fate"}) table.column(title, kLeft);
  for (const char* const title : {"p", "q", "p/q"}) table.column(title, kRight);
  table.column("law", kLeft);
  for (const char* const title : {"row", "below"}) table.column(title, kRight);
  for (size_t r = 0; r < arm.rounds.size(); ++r) {
    const RunRound& round = arm.rounds[r];
    if (round.fates) add_drafted(arm, r, table);
    for (size_t i = 0; i < round.tokens.size(); ++i) {
      const RoundToken& token = round.tokens[i];
      const bool is_own = token.source != Source::kDraft;
      if (!is_own && round.fates) continue;
      const bool is_known = round.fates && round.fates->p;
      table.row({cat(r + 1), cat(i + 1), arm.names->name(token.id), is_own ? name_of(token.source) : "accepted",
                 is_known ? mass_text(*round.fates->p) : "–", is_known ? q_text(round.fates->q) : "–",
                 is_known ? ratio_text(round.fates->q, *round.fates->p) : "–", "–", "–", "–"});
    }
  }
  return cat("<details><summary>Round by round, ", table.rows().size(), " tokens</summary>\n", table_html(table),
             "</details>\n");
}

std::string note_html(const std::string& note) {
  return note.empty() ? "" : cat("<p class=\"note\">", escaped(note), "</p>\n");
}

std::string arm_html(const ArmRounds& arm, size_t index) {
  std::string html =
      cat("<section id=\"arm-", index, "\">\n<h2>", escaped(arm.arm.name), "</h2>\n<div class=\"block\">\n",
          "<p class=\"meta\">", escaped(arm_line(arm)), "</p>\n<p class=\"meta\">", escaped(counts_line(arm)), "</p>\n",
          note_html(unrecorded_note(arm)), note_html(arm.names->missing()));
  if (!arm.rounds.empty()) html += text_html(arm) + rounds_table(arm);
  return html + "</div>\n</section>\n";
}

std::string overview_html(const PromptRounds& all) {
  MarkdownTable table;
  table.column("arm", kLeft);
  for (const char* const title : {"tokens", "rounds", "drafted", "accepted", "tau", "alpha"})
    table.column(title, kRight);
  for (const ArmRounds& arm : all.arms) {
    int64_t drafted = 0, accepted = 0;
    for (const RunRound& round : arm.rounds) {
      drafted += round.drafted;
      accepted += round.accepted;
    }
    table.row({arm.arm.name, cat(arm.record.n_out()), cat(arm.rounds.size()), cat(drafted), cat(accepted),
               fixed(arm.tau.value_or(kNotMeasured), 2), fixed(arm.alpha.value_or(kNotMeasured), 3)});
  }
  return cat("<div class=\"block\">", table_html(table), "</div>\n");
}

std::string prompt_html(const PromptRounds& all) {
  const std::string text = all.text_missing.empty()
                               ? cat("<p class=\"prompt\">", escaped(all.text), "</p>")
                               : cat("<p class=\"missing\">Its text is not shown: ", escaped(all.text_missing), "</p>");
  return cat("<section id=\"prompt\">\n<h2>Prompt</h2>\n<div class=\"block\">", text, "</div>\n</section>\n");
}

// As the texts have them.
std::string legend_html() {
  return cat("<div class=\"block\"><h3>How to read the texts</h3>\n<ul class=\"legend\"><li>",
             "<span class=\"accepted\">underlined</span> drafted and accepted</li><li><del class=\"rejected\">struck "
             "through</del> drafted and rejected, in front of what came instead</li><li><b class=\"own\">bold</b> the "
             "target's own</li></ul>\n<p class=\"note\">A token under the pointer tells its round, p in the target's "
             "law, q in the draft's, and p/q; the tables below the texts tell the same of every drafted token.  "
             "Dropped: below a rejected token, or behind the sibling that was taken.  Cut: accepted behind the end of "
             "the text.</p></div>\n");
}

}  // namespace

std::string rounds_page(const PromptRounds& all) {
  const std::string title = "Prompt " + all.prompt + ", round by round";
  std::string nav = "<a href=\"#prompt\">Prompt</a>", arms;
  for (size_t i = 0; i < all.arms.size(); ++i) {
    nav += cat("<a href=\"#arm-", i, "\">", escaped(all.arms[i].arm.name), "</a>");
    arms += arm_html(all.arms[i], i);
  }
  const std::string meta = cat(all.run.experiment, ", cell ", all.run.cell, ", ", place_line(all));
  return page_html(title + " - Specula",
                   cat("<header>\n<h1>", escaped(title), "</h1>\n<p class=\"meta\">", escaped(meta), "</p>\n<nav>", nav,
                       "</nav>\n</header>\n<main>\n", prompt_html(all), "<section id=\"arms\">\n<h2>Arms</h2>\n",
                       overview_html(all), legend_html(), "</section>\n", arms,
                       "</main>\n<footer>Written by Specula, from the records of the run alone.</footer>\n"),
                   rounds_json(all), kStyle);
}

}  // namespace specula
