// Objectives against their own losses.  Licence: Apache-2.0.
#pragma once

#include "framework/train/objective.h"

namespace specula::test {

double loss_of(Objective& objective, const Batch& batch, double share = 1);  // adds gradients
// Of each parameter the largest number of the gradient is that of finite differences.  The objective is new.
void expect_gradients_of_finite_differences(Objective& objective, const Batch& batch);

}  // namespace specula::test
