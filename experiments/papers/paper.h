// Papers as checks that can fail.  A claim gets its value from the paper - a formula or a printed number, with the
// place where it stands - and what is compared with it comes from the rule, drafter or programme that decodes here,
// never from the formula written down again.  A paper is a file of such checks, and a folder of the same name beside
// it: README.md, and configurations of runs on the demo pair whose [[expect]] tables are checks too.  Licence:
// Apache-2.0.
#pragma once

#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "experiments/report/summary.h"
#include "framework/certify/drafted.h"
#include "framework/decode/registry.h"

namespace specula {

struct PaperCheck {
  std::string claim;   // with its setting: "tokens a round: alpha 0.8, 5 drafted"
  std::string source;  // where the paper says so: "table 1"; of an [[expect]] its file
  double got = kNotMeasured;
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  bool binding = true;  // false: it depends on the clock, or on a small difference that noise may hide
  bool met() const { return got >= low && got <= high; }  // false for NaN
};

struct Claim {
  std::string text, source;
};
PaperCheck equals(const Claim& claim, double got, double expected, double tolerance);
PaperCheck at_least(const Claim& claim, double got, double least);
PaperCheck at_most(const Claim& claim, double got, double most);
PaperCheck not_binding(PaperCheck check);

// The runs of a paper, by the names of their configurations without ".toml".
class PaperRuns {
 public:
  void add(const std::string& config, Summary summary) { summaries_[config] = std::move(summary); }
  const Estimate& at(const std::string& config, const std::string& arm, const std::string& metric) const;
  double value(const std::string& config, const std::string& arm, const std::string& metric) const {
    return at(config, arm, metric).value;
  }
  // The share of rounds that accepted the draft at `depth` (1, 2, ...) among those that accepted all before it.
  double accepted_at(const std::string& config, const std::string& arm, size_t depth) const;

 private:
  std::map<std::string, Summary> summaries_;
};

using PaperChecks = std::vector<PaperCheck>;
struct Paper {
  std::string name;       // of its file and its folder
  std::string reference;  // "Leviathan et al. 2023, arXiv 2211.17192"
  std::string claim;      // one sentence
  // On toys, with the plug-ins of the registries: exact, or counted from fixed keys.
  PaperChecks (*on_toys)(const Registries& registries);
  // What [[expect]] cannot say of its runs: arms against each other, a formula of measured figures.
  PaperChecks (*on_runs)(const PaperRuns& runs);
};
const std::vector<Paper>& all_papers();  // by year

// One file each.
Paper leviathan2023();
Paper chen2023();
Paper prompt_lookup2023();
Paper spectr2023();
Paper specinfer2024();
Paper lookahead2024();
Paper sequoia2024();
Paper block2024();
Paper token_recycling2024();
Paper suffix_decoding2024();
Paper traversal2025();
Paper distillspec2024();
Paper medusa2024();
Paper eagle2024();
Paper eagle2_2024();
Paper eagle3_2025();
Paper dflash2026();

// What the files share.
std::unique_ptr<Verifier> rule_of(const Registries& registries, const std::string& call);

// The largest total variation between whole texts under the rule and the target's own law, over the shapes.
PaperCheck keeps_the_law(const Claim& claim, const Registries& registries, const std::string& rule,
                         const std::vector<Shape>& shapes);

// Total variation of a round's first token from p, over drafts of a law that is p at every node.
double first_token_variation(const Verifier& rule, const Row& p, const std::vector<Drafted>& drafts);

// A greedy text of a toy whose next token depends on its last `order` tokens alone, so that it runs into a cycle.
struct ToyRound {
  int64_t start;             // tokens of the text before it
  std::vector<Token> draft;  // of its first branch
  int kept;
};
struct ToyText {
  Prefix text;
  std::vector<ToyRound> rounds;
  bool is_the_targets = true;  // it is what the target writes alone
};
ToyText toy_text(const Registries& registries, const std::string& drafter, int order, int64_t tokens = 400);
int most_kept(const ToyText& text);  // tokens of a round
PaperCheck keeps_the_text(const Claim& claim, const ToyText& text);

}  // namespace specula
