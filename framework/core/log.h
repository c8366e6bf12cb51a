// The program's log: standard error and, once a run has a folder, its log.txt.  The only door to spdlog, whose fmt must
// not meet LibTorch's in one file.  Never called inside a timed region.  Licence: Apache-2.0.
#pragma once

#include <string>

namespace specula::log {

enum class Level { kDebug, kInfo, kWarning, kError, kOff };

void set_level(Level stderr_level);
void open_file(const std::string& path);  // appends; every level goes there; throws Error if it cannot be written
void close_file();
void debug(const std::string& text);
void info(const std::string& text);
void warning(const std::string& text);
void error(const std::string& text);

}  // namespace specula::log
