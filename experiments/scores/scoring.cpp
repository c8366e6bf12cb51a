#include "experiments/scores/scoring.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "experiments/scores/decoded_with.h"
#include "experiments/scores/score_file.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/params.h"

namespace specula {
namespace {

// [quality] scorers, read.
struct Choice {
  const Scorer* everywhere = nullptr;
  std::map<std::string, const Scorer*> by_category;
};

Choice read_choice(const std::vector<std::string>& scorers, const std::vector<Prompt>& prompts) {
  Choice choice;
  std::vector<std::string> categories;
  for (const Prompt& prompt : prompts) {
    if (std::find(categories.begin(), categories.end(), prompt.category) == categories.end())
      categories.push_back(prompt.category);
  }
  for (const std::string& text : scorers) {
    const std::string place = cat("[quality] scorers = ", quoted(text));
    const size_t equals = text.rfind('=');
    const std::string category = equals == std::string::npos ? "" : text.substr(0, equals);
    const Scorer& scorer = find_scorer(equals == std::string::npos ? text : text.substr(equals + 1), place);
    if (equals != std::string::npos && std::find(categories.begin(), categories.end(), category) == categories.end())
      throw ConfigError(
          cat(place, ": no prompt is of the category ", quoted(category), suggestion(category, categories)));
    const Scorer*& place_of = equals == std::string::npos ? choice.everywhere : choice.by_category[category];
    if (place_of != nullptr) throw ConfigError(cat(place, ": ", place_of->id, " was named for the same prompts"));
    place_of = &scorer;
  }
  return choice;
}

bool has_reference(const Prompt& prompt) {
  return std::any_of(prompt.references.begin(), prompt.references.end(), [](const auto& r) { return !r.empty(); });
}

const Scorer* scorer_of(const Prompt& prompt, const Choice& choice, const std::string& place) {
  if (!prompt.scorer.empty()) return &find_scorer(prompt.scorer, place);
  const auto named = choice.by_category.find(prompt.category);
  if (named != choice.by_category.end()) return named->second;
  return has_reference(prompt) ? choice.everywhere : nullptr;
}

void check_references(const Prompt& prompt, const Scorer& scorer, const std::string& place) {
  if (!has_reference(prompt))
    throw ConfigError(
        cat(place, ": it has no \"reference\", and ", scorer.id, " is to judge it; expected ", scorer.unit_of));
  for (const auto& of_turn : prompt.references) {
    for (const std::string& reference : of_turn) {
      if (scorer.can_use(reference)) continue;
      const bool is_long = reference.size() > 60;
      throw ConfigError(cat(place, ": its reference ", quoted(is_long ? reference.substr(0, 57) + "..." : reference),
                            " does not hold ", scorer.unit_of, ", and ", scorer.id,
                            " is to judge it; [quality] scorers = [\"CATEGORY=NAME\"] names it for some prompts"));
    }
  }
}

// The texts of a run as it wrote them.
class Judge {
 public:
  Judge(const Tokenizer& tokenizer, bool may_run_code, const Scores& known)
      : tokenizer_(tokenizer), may_run_code_(may_run_code), known_(known) {}

  RecordScore score(const Record& record, const ScoredPrompt& prompt, const std::vector<std::string>& references) {
    const Scorer& scorer = *prompt.scorer;
    RecordScore score{.scorer = scorer.id, .value = std::numeric_limits<double>::quiet_NaN()};
    if (scorer.runs_code && !may_run_code_) {
      const auto old = known_.find(record.key);
      if (old != known_.end() && old->second.scorer == scorer.id) return old->second;
      score.why = "code_not_run";
    } else if (!record.has_ids()) {
      score.why = "no_ids";
    } else {
      const Judgement judgement = judge(scorer, tokenizer_.decode(record.out), references);
      score.value = judgement.right ? 1 : 0;
      score.found = judgement.found;
    }
    return score;
  }

 private:
  // The same text gets the same score, in whichever arm: time limits cannot tell them apart.
  Judgement judge(const Scorer& scorer, const std::string& answer, const std::vector<std::string>& references) {
    const auto [place, is_new] = judged_.try_emplace(scorer.id + '\n' + join(references, "\n") + '\n' + answer);
    if (!is_new) return place->second;
    Judgement judgement;
    for (size_t i = 0; i < references.size() && !judgement.right; ++i) judgement = scorer.judge(answer, references[i]);
    return place->second = judgement;
  }

  const Tokenizer& tokenizer_;
  bool may_run_code_;
  const Scores& known_;
  std::map<std::string, Judgement> judged_;
};

std::vector<Prompt> prompts_of(const RunInfo& run, const RecordSet& records) {
  const std::vector<Prompt> all = load_prompts(run.prompts_file);
  const auto hash = run.identity.find("prompts");
  if (hash != run.identity.end() && hash->second != sha256(read_file(run.prompts_file)))
    throw Error(cat(run.prompts_file, ": the prompts are not those that the run decoded"));
  std::set<std::string> decoded;
  for (const Record& record : records.records) decoded.insert(record.key.prompt);
  std::vector<Prompt> prompts;
  for (const Prompt& prompt : all) {
    if (decoded.contains(prompt.id)) prompts.push_back(prompt);
  }
  return prompts;
}

}  // namespace

ScoringPlan plan_scoring(const std::vector<Prompt>& prompts, const std::string& file,
                         const std::vector<std::string>& scorers) {
  const Choice choice = read_choice(scorers, prompts);
  ScoringPlan plan;
  for (const Prompt& prompt : prompts) {
    const std::string place = cat(file, ":", prompt.line, ": prompt ", prompt.id);
    const Scorer* const scorer = scorer_of(prompt, choice, place);
    if (scorer == nullptr) continue;
    check_references(prompt, *scorer, place);
    plan[prompt.id] = {scorer, prompt.references};
  }
  if (choice.everywhere != nullptr && plan.empty())
    throw ConfigError(cat("[quality] scorers = ", quoted(choice.everywhere->name()), ": no prompt of ", file,
                          " has a \"reference\""));
  return plan;
}

bool runs_code(const ScoringPlan& plan) {
  return std::any_of(plan.begin(), plan.end(), [](const auto& entry) { return entry.second.scorer->runs_code; });
}

int64_t score_run(const std::filesystem::path& run_folder, const std::vector<std::string>& scorers, bool may_run_code) {
  const RunInfo run = read_manifest(run_folder);
  const RecordSet records = read_records(run_folder);
  const ScoringPlan plan = plan_scoring(prompts_of(run, records), run.prompts_file, scorers);
  const Scores known = read_scores(run_folder);
  if (plan.empty() && known.empty()) return 0;
  const auto tokenizer = tokenizer_of(run);
  Judge judge(*tokenizer, may_run_code, known);
  Scores scores;
  int64_t judged = 0;
  for (const Record& record : records.records) {
    const auto prompt = plan.find(record.key.prompt);
    const auto turn = static_cast<size_t>(record.key.turn);
    if (!record.ok || record.replayed || record.key.trace || prompt == plan.end()) continue;
    if (turn >= prompt->second.references.size() || prompt->second.references[turn].empty()) continue;
    const RecordScore score = judge.score(record, prompt->second, prompt->second.references[turn]);
    judged += std::isfinite(score.value) ? 1 : 0;
    scores.emplace(record.key, score);
  }
  write_scores(run_folder, scores);
  return judged;
}

}  // namespace specula
