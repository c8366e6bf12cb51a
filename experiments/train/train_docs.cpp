// What a file of `specula train` may hold, for `specula list training`.  Licence: Apache-2.0.
#include "experiments/train/train_docs.h"

#include "experiments/train/distill_keys.h"
#include "experiments/train/early_exit_keys.h"
#include "experiments/train/head_keys.h"
#include "experiments/train/model_keys.h"

namespace specula {

std::vector<SectionDocs> train_sections() {
  return {
      {"train", "what is trained, and for how long", list_options<TrainKeys>()},
      {"sources.<name>", "texts", list_options<TrainSource>()},
      {"batch", "how they are cut", list_options<BatchKeys>()},
      {"optimizer", "AdamW and its schedule", list_options<OptimizerKeys>()},
      {"validation", "on held-out texts", list_options<ValidationKeys>()},
      {"output", "what is written", list_options<TrainOutputKeys>()},
      {"model", "of lm, distill, early_exit and parallel_draft: the decoder that learns", list_options<ModelKeys>()},
      {"distill", "of distill: the target, and the distance to it", list_options<DistillKeys>()},
      {"early_exit", "of early_exit: the losses behind its layers", list_options<EarlyExitKeys>()},
      {"head",
       "of medusa, hydra, mlp_speculator, eagle, eagle3, peagle, mtp, kangaroo, block_diffusion, parallel_draft: the "
       "target, "
       "and "
       "what drafts for it",
       list_options<HeadKeys>()}};
}

}  // namespace specula
