// What every page has: its style sheet, its script, its tables.  Nothing is loaded from anywhere; without the script
// only sorting is lost.  Licence: Apache-2.0.
#pragma once

#include <string>

#include "experiments/pages/tables.h"

namespace specula {

const char* page_style();
const char* page_script();

std::string table_html(const MarkdownTable& table);  // "" without rows
// With its title above and its notes below.
std::string table_html(const ReportTable& table);

// A whole document; `body` is HTML already, `json` is what scripts of others may read from it, `style` are rules of
// this page beside those of all.
std::string page_html(const std::string& title, const std::string& body, const std::string& json,
                      const std::string& style = "");

}  // namespace specula
