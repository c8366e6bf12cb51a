// `specula train sequoia`: the best fixed tree for an acceptance vector and the costs of passes, as a grow map.
// Licence: Apache-2.0.
#include <iostream>

#include "experiments/train/train.h"
#include "framework/core/files.h"
#include "framework/decode/sequoia.h"

namespace specula {

ExitCode train_sequoia_command(const TrainSequoiaArgs& args) {
  check_train_output(args.output);
  const SequoiaTree chosen = choose_tree(read_acceptance(args.vector), {.budgets = args.budgets,
                                                                        .target_time = args.target_times,
                                                                        .draft_time = args.draft_time,
                                                                        .max_depth = args.max_depth});
  if (chosen.tree.size() == 1)
    throw Error("no tree pays at these costs: a round without a draft costs least for each token; nothing was written");
  write_file_atomically(args.output, parents_json(chosen.tree));
  std::cout << args.output << ": " << describe(chosen.tree) << "; " << chosen.expected_tokens
            << " tokens a round expected, " << chosen.time_per_token << " for each\n";
  return ExitCode::kOk;
}

}  // namespace specula
