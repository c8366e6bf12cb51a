// A small writer of SVG.  Positions are pixels; how things look is said by the classes of the page's style sheet, so
// that light and dark share one drawing.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

namespace specula {

struct Point {
  double x = 0, y = 0;
};

struct Box {
  double x = 0, y = 0, width = 0, height = 0;
  double right() const { return x + width; }
  double bottom() const { return y + height; }
};

enum class Anchor { kStart, kMiddle, kEnd };
enum class Mark { kCircle, kSquare, kDiamond };

class Svg {
 public:
  Svg(double width, double height, const std::string& label);  // label: what a screen reader says

  void line(Point from, Point to, const std::string& style);
  void rect(const Box& box, const std::string& style, const std::string& title = "");  // title: shown under the mouse
  void path(const std::vector<Point>& points, const std::string& style);               // straight from point to point
  void mark(Mark shape, Point at, const std::string& style, const std::string& title = "");
  void text(Point at, const std::string& text, Anchor anchor, const std::string& style = "");

  std::string str() const;

 private:
  void add(const std::string& element, const std::string& title);
  std::string open_, body_;
};

// Of text in the size of the page's drawings (12 px), in a wide sans-serif face: real ones are at most that wide.
double text_width(const std::string& text);
// `text` in lines of at most `width` pixels, broken behind spaces and punctuation where there is any.
std::vector<std::string> wrapped_text(const std::string& text, double width);

}  // namespace specula
