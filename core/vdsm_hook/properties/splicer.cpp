#include "vdsm_hook/properties/splicer.hpp"

#include <algorithm>

namespace vdsm_hook {
namespace {

using Kind = OutlineNode::Kind;

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kPrefix = "ovirt-vm:";  // of elements in a vm element that is new

bool is_empty_tag(const OutlineNode& node) { return node.end.begin == node.end.end; }

}  // namespace

Splicer::Splicer(std::string_view document, const std::vector<OutlineNode>& nodes)
    : document_(document), nodes_(nodes), newline_(document.find("\r\n") != std::string_view::npos ? "\r\n" : "\n") {}

void Splicer::set_text(std::size_t place, const std::string& text) {
  const auto& node = nodes_[place];
  if (node.text == text) return;
  if (is_empty_tag(node)) {
    const auto slash = node.start.end - 2;
    cuts_.push_back({slash, node.start.end, ">" + xml_escaped(text) + "</" + std::string(raw_name(place)) + ">"});
  } else {
    cuts_.push_back({node.start.end, node.end.begin, xml_escaped(text)});
  }
}

void Splicer::replace(std::size_t place, std::string element) {
  cuts_.push_back({nodes_[place].start.begin, nodes_[place].end.end, std::move(element)});
}

void Splicer::take_out(std::vector<std::size_t> nodes) {
  while (!nodes.empty()) {
    const auto parent = nodes_[nodes[0]].parent;
    const auto kind = nodes_[parent].kind;
    const bool may_go =
        kind == Kind::custom || kind == Kind::device_metadata || kind == Kind::vm || kind == Kind::metadata;
    if (!may_go || !is_blank_without(parent, nodes)) break;
    nodes = {parent};
  }
  for (const auto node : nodes) cut_out(node);
}

void Splicer::cut_out(std::size_t place) {
  auto begin = nodes_[place].start.begin;
  const auto before = document_.substr(0, begin);
  const auto line_end = before.find_last_not_of(" \t");
  if (line_end != std::string_view::npos && before[line_end] == '\n')
    begin = line_end > 0 && before[line_end - 1] == '\r' ? line_end - 1 : line_end;
  cuts_.push_back({begin, nodes_[place].end.end, ""});
}

bool Splicer::is_blank_without(std::size_t parent, const std::vector<std::size_t>& without) const {
  std::string rest(document_.substr(nodes_[parent].start.end, nodes_[parent].end.begin - nodes_[parent].start.end));
  for (const auto node : without) {
    const auto begin = nodes_[node].start.begin - nodes_[parent].start.end;
    std::fill_n(rest.begin() + static_cast<std::ptrdiff_t>(begin), nodes_[node].end.end - nodes_[node].start.begin,
                ' ');
  }
  return rest.find_first_not_of(kBlanks) == std::string::npos;
}

void Splicer::add(std::size_t place, const std::vector<Element>& around, const std::vector<std::string>& leaves) {
  const auto& node = nodes_[place];
  const auto own = indentation(node.start.begin);
  const auto content = document_.substr(node.start.end, node.end.begin - node.start.end);
  const auto first = content.find_first_not_of(kBlanks);
  const bool is_blank = first == std::string_view::npos || is_empty_tag(node);
  auto inner = is_blank ? std::nullopt : indentation(node.start.end + first);
  const bool has_tabs = own && own->find('\t') != std::string::npos;
  const std::string unit = inner && own && inner->size() > own->size() ? inner->substr(own->size())
                           : has_tabs                                  ? "\t"
                                                                       : "  ";
  if (is_blank && own) inner = *own + unit;

  // libvirt's place for the metadata; everything else goes behind what is there.
  std::optional<std::size_t> header;
  for (std::size_t i = 0; i < nodes_.size() && node.kind == Kind::domain; ++i)
    if (nodes_[i].kind == Kind::header) header = i;
  if (header) inner = indentation(nodes_[*header].start.begin);

  const auto text = to_text(prefix_in(place), around, leaves, inner, unit);
  const auto closing =
      inner && is_blank && content.find('\n') == std::string_view::npos ? newline_ + own.value_or("") : std::string();
  if (header) {
    cuts_.push_back({nodes_[*header].end.end, nodes_[*header].end.end, text});
  } else if (is_empty_tag(node)) {
    cuts_.push_back(
        {node.start.end - 2, node.start.end, ">" + text + closing + "</" + std::string(raw_name(place)) + ">"});
  } else if (is_blank) {
    cuts_.push_back({node.start.end, node.start.end, text + closing});
  } else {
    const auto end = node.start.end + content.find_last_not_of(kBlanks) + 1;
    cuts_.push_back({end, end, text});
  }
}

// INNER: the indentation of the outermost element, which begins a line; nullopt: all is on one line.
std::string Splicer::to_text(const std::string& prefix, const std::vector<Element>& around,
                             const std::vector<std::string>& leaves, const std::optional<std::string>& inner,
                             const std::string& unit) const {
  const auto tag_of = [&prefix](const Element& element) {
    return element.name == "metadata" ? element.name : prefix + element.name;
  };
  std::string text, indent = inner ? newline_ + *inner : "";
  const std::string deeper = inner ? unit : "";
  for (std::size_t i = 0; i < around.size(); ++i, indent += deeper)
    text += indent + "<" + tag_of(around[i]) + around[i].attributes + ">";
  for (const auto& line : leaves) text += indent + line;
  for (std::size_t i = around.size(); i-- > 0;) {
    indent.resize(indent.size() - deeper.size());
    text += indent + "</" + tag_of(around[i]) + ">";
  }
  return text;
}

std::string Splicer::prefix_in(std::size_t place) const {
  if (nodes_[place].kind == Kind::domain || nodes_[place].kind == Kind::metadata) return std::string(kPrefix);
  const auto name = raw_name(place);
  return std::string(name.substr(0, name.find(':') + 1));  // npos + 1: none
}

// What stands between the line's begin and OFFSET, if that is blank.
std::optional<std::string> Splicer::indentation(std::size_t offset) const {
  const auto before = document_.substr(0, offset);
  const auto last = before.find_last_not_of(" \t");
  if (last == std::string_view::npos || before[last] != '\n')
    return offset == 0 ? std::optional<std::string>("") : std::nullopt;
  return std::string(before.substr(last + 1));
}

std::string_view Splicer::raw_name(std::size_t place) const {
  const auto tag =
      document_.substr(nodes_[place].start.begin + 1, nodes_[place].start.end - nodes_[place].start.begin - 1);
  return tag.substr(0, tag.find_first_of(" \t\r\n/>"));
}

std::string Splicer::result() {
  std::sort(cuts_.begin(), cuts_.end(), [](const Cut& a, const Cut& b) { return a.begin < b.begin; });
  std::string text;
  std::size_t at = 0;
  for (const auto& cut : cuts_) {
    text += document_.substr(at, cut.begin - at);
    text += cut.text;
    at = cut.end;
  }
  return text += document_.substr(at);
}

}  // namespace vdsm_hook
