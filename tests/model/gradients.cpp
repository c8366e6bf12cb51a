#include "tests/model/gradients.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/model/support.h"

namespace specula::test {

double loss_of(Objective& objective, const Batch& batch, double share) {
  return objective.learn(batch, share)[0].second;
}

void expect_gradients_of_finite_differences(Objective& objective, const Batch& batch) {
  loss_of(objective, batch);
  std::vector<std::vector<float>> gradients;  // losses add to them
  for (const Parameter& parameter : objective.parameters()) {
    ASSERT_TRUE(parameter.tensor.grad().defined()) << parameter.name;
    gradients.push_back(values(parameter.tensor.grad().clone()));
  }
  for (size_t i = 0; i < gradients.size(); ++i) {
    const Parameter parameter = objective.parameters()[i];
    const std::vector<float>& gradient = gradients[i];
    const auto largest =
        std::max_element(gradient.begin(), gradient.end(), [](float a, float b) { return std::abs(a) < std::abs(b); });
    float& number = parameter.tensor.mutable_data_ptr<float>()[largest - gradient.begin()];
    const float before = number, step = 1e-2F;
    number = before + step;
    const double above = loss_of(objective, batch);
    number = before - step;
    const double below = loss_of(objective, batch);
    number = before;
    EXPECT_NEAR((above - below) / (2 * step), *largest, 0.03 * std::abs(*largest) + 2e-4) << parameter.name;
  }
}

}  // namespace specula::test
