// A test, or a fixture as its member, without log lines.
#pragma once

#include "framework/core/log.h"

namespace specula {

struct QuietLog {
  QuietLog() { log::set_level(log::Level::kOff); }
  ~QuietLog() {
    log::close_file();
    log::set_level(log::Level::kInfo);
  }
  QuietLog(const QuietLog&) = delete;
  QuietLog& operator=(const QuietLog&) = delete;
};

}  // namespace specula
