#include "drafters/online_draft.h"

#include <map>
#include <optional>

#include "drafters/tree_options.h"
#include "framework/decode/draft_cache.h"
#include "framework/train/online_distill.h"

namespace specula {
namespace {

struct Options {
  ModelName model{"draft"};
  TreeOptions tree;
  int every = 256;
  double learning_rate = 1e-4;
  std::string loss = "forward_kl";
  template <class V>
  void visit(V& v) {
    v("model", model, "the draft model, of the target's vocabulary");
    tree.visit(v);
    v("every", every, 1, 1 << 20, "places of the target's texts that a step learns from", "tokens");
    v("learning_rate", learning_rate, 0, 1, "of AdamW");
    v("loss", loss, divergence_names(), "how far the draft's distribution is from the target's");
  }
};

Facts facts_of(const Options& options, Policy policy) {
  Facts facts = tree_facts(options.tree, "online_draft", policy);
  facts.models = {options.model.name};
  facts.scope = Scope::kRun;
  facts.memory = cat("logits of ", options.every, " tokens, and 16 B a parameter of the draft model");
  return facts;
}

const LoadedModel& loaded(const Options& options, const Parts& parts) {
  const auto* model = dynamic_cast<const LoadedModel*>(&parts.model(options.model.name));
  if (model == nullptr)
    throw ConfigError(cat("online_draft model = ", quoted(options.model.name),
                          ": expected a model that is read from a folder, since it goes on learning"));
  return *model;
}

class OnlineDraft final : public Drafter {
 public:
  OnlineDraft(const Options& options, const Parts& parts)
      : every_(static_cast<size_t>(options.every)),
        first_(loaded(options, parts)),
        learner_(first_.info().path, first_.dtype(), parse_divergence(options.loss), options.learning_rate),
        drafting_(options.tree, "online_draft", parts) {}

  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& /*prefill*/) override {
    if (next_ != nullptr) {
      cache_.reset();  // of the model that goes
      current_ = std::move(next_);
    }
    cache_.emplace(current_ != nullptr ? static_cast<const LanguageModel&>(*current_) : first_, prefixes);
    drafting_.begin(prefixes.size());
    roots_.clear();
    for (size_t b = 0; b < prefixes.size(); ++b) {
      roots_.push_back(static_cast<int64_t>(prefixes[b].size()) - 1);
      heard_[requests[b]] = {};
    }
  }

  std::vector<DraftTree> draft(const Round& round) override { return drafting_.draft(round, *cache_); }

  void observe(const Feedback& feedback) override {
    drafting_.observe(feedback);
    for (size_t b = 0; b < roots_.size(); ++b) {
      if (feedback.drafts[b].size() == 0) continue;
      const auto length = static_cast<int64_t>(feedback.prefixes[b].size());
      HeardText& heard = heard_[feedback.requests[b]];
      std::vector<int> rows{0};
      rows.insert(rows.end(), feedback.verdicts[b].path.begin(), feedback.verdicts[b].path.end());
      int64_t place = roots_[b];
      for (const int row : rows) {
        if (place >= length) break;  // the text ended before
        heard.place.push_back(place++);
        heard.logits.push_back(feedback.target.logits[static_cast<int64_t>(b)][row].clone());
      }
      roots_[b] = length - 1;
    }
  }

  void finish(int64_t request, const Prefix& text) override {
    const auto heard = heard_.find(request);
    if (heard == heard_.end()) return;
    heard->second.text = text;
    told_[request] = std::move(heard->second);  // what was told of it before is told again
    heard_.erase(heard);
    size_t places = 0;
    for (const auto& [of, one] : told_) places += one.place.size();
    if (places < every_) return;
    std::vector<HeardText> texts;
    for (auto& [of, one] : told_) texts.push_back(std::move(one));
    told_.clear();
    learner_.learn(texts);
    next_ = learner_.model();
  }

  std::vector<std::pair<std::string, double>> notes(size_t b) const override {
    auto notes = drafting_.notes(b);
    notes.emplace_back("online_steps", static_cast<double>(learner_.steps()));
    return notes;
  }

 private:
  size_t every_;
  const LoadedModel& first_;
  OnlineDistill learner_;
  TreeDrafting drafting_;
  std::unique_ptr<LoadedModel> current_, next_;  // none: as it was loaded; none: nothing was learned since
  std::optional<DraftCache> cache_;
  std::vector<int64_t> roots_;          // [B] places of the roots
  std::map<int64_t, HeardText> heard_;  // by request, while it is decoded
  std::map<int64_t, HeardText> told_;   // of finished ones, since the last step
};

}  // namespace

Registry<Drafter>::Entry online_draft() {
  return with_tree(drafter_entry<OnlineDraft, Options>(
      "online_draft", "A draft model that learns from the target's passes, from one request for the next.",
      "Liu et al. 2024 (Online Speculative Decoding)", facts_of));
}

}  // namespace specula
