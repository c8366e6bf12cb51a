#include <cmath>

#include "experiments/bench/session.h"
#include "experiments/bench/speedup_law.h"
#include "framework/decode/compose.h"
#include "framework/model/wrapped_model.h"

namespace specula {
namespace {

constexpr int kTimedRounds = 2;                   // of the decode loop in each turn,
constexpr int kRoundsPerTurn = kTimedRounds + 1;  // after one that brings the processor's caches back
constexpr double kRates[] = {.5, .6, .7, .8, .9};

// A model that adds up the time of its passes: what is left of a round is spent outside the models.
class TimedModel final : public WrappedModel {
 public:
  using WrappedModel::WrappedModel;
  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override {
    const double start = seconds_now();
    Pass pass = model_.forward(rows, cache, ask);
    seconds_ += seconds_now() - start;
    return pass;
  }
  double seconds() const { return seconds_; }

 private:
  mutable double seconds_ = 0;
};

// A pass that is timed by itself, beside the rounds.
struct SinglePass {
  const LoadedModel& model;
  std::unique_ptr<KvCache> cache;
  int64_t rows;
  Samples seconds{};
};

// Listens to the decode loop and takes its turns inside it: after some rounds, the loop waits while the passes that a
// round is made of are timed alone.  So one prefill serves all turns, and the rounds are those of a real decoding.
class Turns final : public RoundLog {
 public:
  Turns(BenchSession& session, std::vector<SinglePass>& passes, const TimedModel& target, const TimedModel& draft,
        const BenchRoundArgs& args)
      : session_(session), passes_(passes), target_(target), draft_(draft), args_(args) {}

  void prefill_done(const PhaseClock& /*clock*/) override { begin_round(); }
  void round(const RoundRecord& record, const PhaseClock& /*clock*/) override {
    const double wall = seconds_now() - start_;
    const int place = rounds_++ % kRoundsPerTurn;
    if (place > 0 && turn_ >= 0) {
      SPECULA_CHECK(record.drafted == args_.length, record.drafted, " of ", args_.length, " tokens drafted");
      wall_ += wall / kTimedRounds;
      outside_ += (wall - (model_seconds() - models_)) / kTimedRounds;
    }
    if (place == kRoundsPerTurn - 1) end_turn();
    begin_round();
  }

  Samples walls, outsides;  // [s] of a round; the part outside the models
  std::atomic<bool> done{false};

 private:
  double model_seconds() const { return target_.seconds() + draft_.seconds(); }
  void begin_round() {
    models_ = model_seconds();
    start_ = seconds_now();
  }
  void end_turn() {
    if (turn_ >= 0) {
      walls.push_back(wall_);
      outsides.push_back(outside_);
    }
    wall_ = outside_ = 0;
    session_.read_stream();
    for (size_t i = 0; i < passes_.size(); ++i) {
      SinglePass& pass = passes_[(i + walls.size()) % passes_.size()];
      const Rows rows = bench_rows(pass.rows, 3 + turn_, pass.model.vocab());
      const double seconds = seconds_of_pass(pass.model, *pass.cache, rows);
      if (turn_ >= 0) pass.seconds.push_back(seconds);
    }
    if (++turn_ == args_.repeats) done = true;
  }

  BenchSession& session_;
  std::vector<SinglePass>& passes_;
  const TimedModel &target_, &draft_;
  const BenchRoundArgs& args_;
  int turn_ = -1, rounds_ = 0;  // the first turn warms up
  double start_ = 0, models_ = 0, wall_ = 0, outside_ = 0;
};

// The composition, checked before any weights load.
struct Plan {
  Registries registries = make_registries();
  Composition composition;
  Composed composed;
  BenchChoice target, draft;
  int64_t new_tokens = 0;  // room for every round, were all drafts accepted
};

Plan make_plan(const BenchRoundArgs& args) {
  check_at_least("--length", args.length, 1);
  check_at_least("--context", args.context, 1);
  check_at_least("--repeats", args.repeats, 1);
  SPECULA_CHECK(args.dtypes.size() == 1, "one target is measured, of one dtype");
  Plan plan;
  plan.composition.samplers = parse_samplers(args.sampler, "--sampler");
  plan.composition.drafter = {.place = "drafter",
                              .values = parse_call(cat("draft_model(length=", args.length, ")"), "--length")};
  plan.composition.verifier = {
      .place = "verifier",
      .values = parse_call(default_verifier(plan.registries, plan.composition.samplers), "default")};
  plan.composed = check_composition(plan.registries, plan.composition);
  if (!plan.composed.problems.empty()) throw ConfigError(join(plan.composed.problems, "\n"));
  plan.target = choose_models({.role = "target", .folder = args.model, .dtypes = args.dtypes}, args.device).front();
  plan.draft =
      choose_models({.role = "draft", .folder = args.draft, .dtypes = {args.draft_dtype}, .flag = "--draft-dtype"},
                    args.device)
          .front();
  if (plan.draft.info.vocab != plan.target.info.vocab) {
    throw ConfigError(cat("--draft: its vocabulary has ", plan.draft.info.vocab, " tokens, that of the target ",
                          plan.target.info.vocab, "; they must be the same"));
  }
  plan.new_tokens = int64_t{args.repeats + 2} * kRoundsPerTurn * (args.length + 1);
  const std::string what = cat("--context ", args.context, " and --repeats ", args.repeats);
  for (const BenchChoice* const choice : {&plan.target, &plan.draft})
    check_room(*choice, args.context + plan.new_tokens, what);
  return plan;
}

void decode_rounds(const Plan& plan, const BenchRoundArgs& args, const TimedModel& target, const TimedModel& draft,
                   Turns& turns) {
  const Parts parts{.model = [&](const std::string&) -> const LanguageModel& { return draft; }};
  const auto drafter = plan.registries.drafters.at("draft_model", "drafter").make(plan.composition.drafter, parts);
  const auto verifier = plan.registries.verifiers.at(plugin_name(plan.composition.verifier), "verifier")
                            .make(plan.composition.verifier, parts);
  const Sampler sampler = make_sampler(plan.registries, plan.composition.samplers);
  const Rows text = bench_rows(args.context + 1, 1, target.vocab());
  const int64_t* const token = text.token.const_data_ptr<int64_t>();
  const int64_t request = 0;
  decode({.target = target,
          .drafter = *drafter,
          .verifier = *verifier,
          .policy = plan.composed.verifier.policy,
          .q_next = plan.composed.verifier.q_next,
          .sampler = sampler,
          .keys = Keyring(0),
          .max_new_tokens = plan.new_tokens,
          .log = &turns,
          .interrupt = &turns.done},
         {Prefix(token, token + args.context + 1)}, {&request, 1});
  SPECULA_CHECK(turns.done, "decoding ended before the measurement");
}

std::vector<BenchRow> rows_of(const Plan& plan, const BenchRoundArgs& args, const std::vector<SinglePass>& passes,
                              const Turns& turns) {
  const Samples &unit = passes[0].seconds, &verify = passes[1].seconds, &draft = passes[2].seconds;
  const Figure c = figure("c", ratios(draft, unit)), v = figure("v", ratios(verify, unit)),
               o = figure("o", ratios(turns.outsides, unit));
  const RoundCosts costs{.length = static_cast<double>(args.length), .c = c.median, .v = v.median, .o = o.median};
  std::vector<BenchRow> rows;
  rows.push_back({.keys = {{"dtype", std::string(name_of(plan.target.dtype))},
                           {"draft_dtype", std::string(name_of(plan.draft.dtype))},
                           {"context", args.context},
                           {"length", int64_t{args.length}},
                           {"sampler", args.sampler}},
                  .figures = {figure("target_ms", scaled(unit, 1e3)), c, v, o,
                              figure("o_us", scaled(turns.outsides, 1e6)), figure("round", ratios(turns.walls, unit)),
                              computed("break_even_alpha", break_even(costs).value_or(NAN))},
                  .repeats = args.repeats});
  for (const double alpha : kRates) {
    rows.push_back({.keys = {{"alpha", alpha}},
                    .figures = {computed("tau", expected_tokens(alpha, args.length)),
                                computed("speedup", predicted_speedup(costs, alpha))}});
  }
  return rows;
}

}  // namespace

ExitCode bench_round_command(const BenchRoundArgs& args) {
  const Plan plan = make_plan(args);
  BenchSession session("bench round", args);
  const LoadedModel &target = session.load(plan.target), &draft = session.load(plan.draft);
  const int64_t verified = args.length + 1;
  std::vector<SinglePass> passes;
  passes.push_back({target, bench_cache(target, args.context, verified), 1});
  passes.push_back({target, bench_cache(target, args.context, verified), verified});
  passes.push_back({draft, bench_cache(draft, args.context, verified), 1});
  const TimedModel timed_target(target), timed_draft(draft);
  Turns turns(session, passes, timed_target, timed_draft, args);
  decode_rounds(plan, args, timed_target, timed_draft, turns);
  return session.finish(rows_of(plan, args, passes, turns), args.context);
}

}  // namespace specula
