// speculation_profile.json: how a target takes the drafts of each arm, for simulators and servers that play acceptance
// without the models.  Holds both conventions: marginal (a round accepts at least j tokens; vLLM's synthetic rates) and
// conditional (token j is accepted where all before it were; Dynamo's mocker).  Licence: Apache-2.0.
#pragma once

#include <string>

#include "experiments/report/summary.h"

namespace specula {

std::string acceptance_profile_json(const RunInfo& run, const Summary& summary);

}  // namespace specula
