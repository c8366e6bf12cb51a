// `specula trace`: one continuation, shown stage by stage.  Licence: Apache-2.0.
#include <ATen/ops/tensor.h>

#include <iostream>
#include <numeric>

#include "experiments/commands.h"
#include "experiments/trace/trace.h"
#include "framework/model/memory.h"
#include "framework/model/reference.h"
#include "framework/model/threads.h"

namespace specula {
namespace {

// The policy as it grows: nothing, the first step, the first two, ...
struct Policies {
  std::vector<std::string> names{"model"};
  std::vector<Sampler> samplers;

  Policies(const Registries& registries, const std::vector<Params>& steps, const Parts& parts) {
    for (size_t used = 0; used <= steps.size(); ++used) {
      if (used > 0) names.push_back(call_text(steps[used - 1]));
      const auto end = steps.begin() + static_cast<ptrdiff_t>(used);
      samplers.push_back(make_sampler(registries, {steps.begin(), end}, parts));
    }
  }
  WatchOptions options(int top) const {
    WatchOptions options{.top = top, .stages = names, .samplers = {}};
    for (const Sampler& sampler : samplers) options.samplers.push_back(&sampler);
    return options;
  }
};

// By the reference forward, which holds every weight in float32.
Tensor attention_of(const GenerationPlan& plan, const std::string& folder, const Prefix& text) {
  check_memory(plan.target, Dtype::kFloat32, available_bytes());
  std::vector<int64_t> token(text.begin(), text.end()), parent(text.size());
  std::iota(parent.begin(), parent.end(), -1);
  return ReferenceDecoder(folder).attention_entropy(at::tensor(token), at::tensor(parent));
}

}  // namespace

ExitCode trace_command(const TraceArgs& args) {
  const Registries registries = make_registries();
  const GenerationPlan plan = plan_generation(args, registries);
  const InferenceScope inference;
  set_threads(args.threads);
  const GenerationModels models = load_models(args, plan);
  const Decoder decoder = make_decoder(args, registries, plan, models);
  const Policies policies(registries, plan.composition.samplers, generation_parts(args, models));
  const Session session{.target = *models.target,
                        .drafter = *decoder.drafter,
                        .verifier = *decoder.verifier,
                        .policy = plan.composed.verifier.policy,
                        .q_next = plan.composed.verifier.q_next,
                        .sampler = policies.samplers.back(),
                        .keys = Keyring(args.seed),
                        .max_new_tokens = args.max_new_tokens,
                        .stop = plan.stop};
  Watch watch(session, policies.options(args.top));
  const Decoded decoded = watch.decode(plan.prompt, 0);
  Trace trace{.plan = plan,
              .models = models,
              .decoded = decoded,
              .watch = watch,
              .sampler = args.sampler,
              .layers = {},
              .attention = {}};
  if (args.layers) trace.layers = time_layers(*models.target, decoded.tokens);
  if (args.attention) trace.attention = attention_of(plan, args.model, decoded.tokens);
  std::cout << (args.format == "json" ? trace_json(trace) : trace_text(trace));
  return ExitCode::kOk;
}

}  // namespace specula
