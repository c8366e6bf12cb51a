#include "experiments/pages/page_parts.h"

#include "experiments/pages/markup.h"
#include "framework/core/error.h"

namespace specula {
namespace {

// Verdicts are told by a sign and a colour beside the word.
std::string cell_html(const std::string& cell, bool right) {
  std::string style = right ? "num" : "";
  std::string sign;
  if (cell == "faster" || cell == "slower") {
    style = cell;
    sign = cell == "faster" ? "▲ " : "▼ ";
  }
  return cat("<td", style.empty() ? "" : " class=\"" + style + "\"", ">", sign, escaped(cell), "</td>");
}

}  // namespace

std::string table_html(const MarkdownTable& table) {
  if (table.rows().empty()) return "";
  const auto is_right = [&](size_t c) { return table.aligns()[c] == MarkdownTable::Align::kRight; };
  std::string html = "<div class=\"scroll\"><table>\n<thead><tr>";
  for (size_t c = 0; c < table.titles().size(); ++c)
    html += cat("<th scope=\"col\"", is_right(c) ? " class=\"num\"" : "", ">", escaped(table.titles()[c]), "</th>");
  html += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows()) {
    html += "<tr>";
    for (size_t c = 0; c < row.size(); ++c)
      html += c == 0 ? cat("<th scope=\"row\"><span class=\"arm\">", escaped(row[c]), "</span></th>")
                     : cell_html(row[c], is_right(c));
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string table_html(const ReportTable& table) {
  if (table.table.rows().empty() && table.notes.empty()) return "";
  std::string html = cat("<div class=\"block\" id=\"table-", table.id, "\">\n<h3>", escaped(table.title), "</h3>\n",
                         table_html(table.table));
  for (const std::string& note : table.notes) html += cat("<p class=\"note\">", escaped(note), "</p>\n");
  return html + "</div>\n";
}

std::string page_html(const std::string& title, const std::string& body, const std::string& json,
                      const std::string& style) {
  return cat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n<title>",
      escaped(title), "</title>\n<style>\n", page_style(), style, "</style>\n</head>\n<body>\n", body,
      "<script type=\"application/json\" id=\"data\">", script_safe(json), "</script>\n<script>\n", page_script(),
      "</script>\n</body>\n</html>\n");
}

}  // namespace specula
