#include "experiments/pages/svg.h"

#include <cmath>
#include <cstdio>

#include "experiments/pages/markup.h"
#include "framework/core/error.h"

namespace specula {
namespace {

// "12.5", two decimals at most.
std::string pixels(double value) {
  SPECULA_CHECK(std::isfinite(value), "a drawing has no place for ", value);
  char text[64];
  std::snprintf(text, sizeof text, "%.2f", value);
  std::string out = text;
  while (out.back() == '0') out.pop_back();
  if (out.back() == '.') out.pop_back();
  return out == "-0" ? "0" : out;
}

std::string place(const Point& p) { return pixels(p.x) + " " + pixels(p.y); }

const char* name_of(Anchor anchor) {
  return anchor == Anchor::kStart ? "start" : anchor == Anchor::kMiddle ? "middle" : "end";
}

// Share of the font size that a character takes (DejaVu Sans, one of the widest).
double width_of(unsigned char c) {
  const auto one_of = [&](const char* all) { return std::string(all).find(static_cast<char>(c)) != std::string::npos; };
  if (c >= 0xC0) return 1.0;  // begins a sequence: as wide as a Chinese character
  if (c >= 0x80) return 0;    // goes on with one
  if (one_of("iljI.,:;'| ")) return 0.34;
  if (one_of("frt()[]-/!")) return 0.42;
  if (one_of("mMW%@w")) return 0.98;
  if (one_of("#~^<>+=&")) return 0.84;
  if (c == '"') return 0.5;
  return c >= 'A' && c <= 'Z' ? 0.74 : 0.64;
}

constexpr double kFontSize = 12;

bool ends_word(char c) { return std::string(" _-.,;:/=()[]+").find(c) != std::string::npos; }

}  // namespace

Svg::Svg(double width, double height, const std::string& label)
    : open_(cat("<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"", pixels(width), "\" height=\"",
                pixels(height), "\" viewBox=\"0 0 ", pixels(width), " ", pixels(height), "\" aria-label=\"",
                escaped(label), "\">")) {}

void Svg::add(const std::string& element, const std::string& title) {
  body_ += "<" + element;
  const std::string name = element.substr(0, element.find(' '));
  body_ += title.empty() ? "/>" : cat("><title>", escaped(title), "</title></", name, ">");
}

void Svg::line(Point from, Point to, const std::string& style) { path({from, to}, style); }

void Svg::rect(const Box& box, const std::string& style, const std::string& title) {
  add(cat("rect class=\"", style, "\" x=\"", pixels(box.x), "\" y=\"", pixels(box.y), "\" width=\"", pixels(box.width),
          "\" height=\"", pixels(box.height), "\""),
      title);
}

void Svg::path(const std::vector<Point>& points, const std::string& style) {
  if (points.empty()) return;
  std::string d;
  for (const Point& p : points) d += (d.empty() ? "M" : "L") + place(p);
  add(cat("path class=\"", style, "\" d=\"", d, "\""), "");
}

void Svg::mark(Mark shape, Point at, const std::string& style, const std::string& title) {
  constexpr double kRadius = 3;
  if (shape == Mark::kCircle) {
    add(cat("circle class=\"", style, "\" cx=\"", pixels(at.x), "\" cy=\"", pixels(at.y), "\" r=\"", kRadius, "\""),
        title);
  } else if (shape == Mark::kSquare) {
    rect({at.x - kRadius, at.y - kRadius, 2 * kRadius, 2 * kRadius}, style, title);
  } else {
    constexpr double kReach = kRadius * 1.6;
    add(cat("path class=\"", style, "\" d=\"M", place({at.x, at.y - kReach}), "L", place({at.x + kReach, at.y}), "L",
            place({at.x, at.y + kReach}), "L", place({at.x - kReach, at.y}), "Z\""),
        title);
  }
}

void Svg::text(Point at, const std::string& text, Anchor anchor, const std::string& style) {
  body_ += cat("<text", style.empty() ? "" : " class=\"" + style + "\"", " x=\"", pixels(at.x), "\" y=\"", pixels(at.y),
               "\" text-anchor=\"", name_of(anchor), "\">", escaped(text), "</text>");
}

std::string Svg::str() const { return open_ + body_ + "</svg>"; }

double text_width(const std::string& text) {
  double width = 0;
  for (const char c : text) width += width_of(static_cast<unsigned char>(c));
  return width * kFontSize;
}

std::vector<std::string> wrapped_text(const std::string& text, double width) {
  std::vector<std::string> lines = {""};
  size_t break_at = 0;  // in the last line, behind a character that ends a word
  for (size_t i = 0; i < text.size(); ++i) {
    lines.back() += text[i];
    const bool whole = i + 1 == text.size() || (static_cast<unsigned char>(text[i + 1]) & 0xC0) != 0x80;
    if (whole && text_width(lines.back()) > width && lines.back().size() > 1) {
      size_t from = break_at;
      if (from == 0) {  // one long word: before its last character
        from = lines.back().size() - 1;
        while (from > 0 && (static_cast<unsigned char>(lines.back()[from]) & 0xC0) == 0x80) --from;
      }
      if (from > 0) {
        const std::string rest = lines.back().substr(from);
        lines.back().resize(from);
        lines.push_back(rest);
      }
      break_at = 0;
    }
    if (ends_word(text[i])) break_at = lines.back().size();
  }
  return lines;
}

}  // namespace specula
