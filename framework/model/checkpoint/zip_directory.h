// The members of a zip archive whose bytes are stored as they are, as torch.save writes them.  Licence: Apache-2.0.
#pragma once

#include <map>
#include <string>

#include "framework/core/files.h"

namespace specula {

struct ZipMember {
  size_t begin = 0, end = 0;  // of its bytes within the file
};

// By name.  `place` names the file in errors.  Throws Error for what is no archive, for members that are compressed,
// encrypted, named twice, or that lie outside the file.
std::map<std::string, ZipMember> read_zip_directory(const RandomFile& file, const std::string& place);

}  // namespace specula
