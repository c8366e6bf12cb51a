// What can be read, for lists and help.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

namespace specula {

struct Architecture {
  std::string name;    // as config.json has it under "architectures"
  std::string models;  // whose folders say so
  std::string traits;  // what sets it apart from Llama
};
std::vector<Architecture> list_architectures();

}  // namespace specula
