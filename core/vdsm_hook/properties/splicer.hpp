// Elements of a document cut out, put in and given another text, at the bytes where they stand. Inside
// core/vdsm_hook/properties only.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vdsm_hook/properties/outline.hpp"

namespace vdsm_hook {

/// Collects changes to a document, whose NODES it goes by; they must not overlap. Places are those of nodes.
class Splicer {
 public:
  /// DOCUMENT and NODES must outlive this.
  Splicer(std::string_view document, const std::vector<OutlineNode>& nodes);

  /// An element to be made: its local name, and its attributes as they are written, with a blank in front.
  struct Element {
    std::string name, attributes;
  };

  void set_text(std::size_t place, const std::string& text);
  void replace(std::size_t place, std::string element);
  /// With the blanks in front of it, where it begins a line.
  void cut_out(std::size_t place);
  /// Takes NODES, which have one parent, out, and every element above, up to the metadata, that nothing is left of
  /// then.
  void take_out(std::vector<std::size_t> nodes);
  /// Puts LEAVES, elements as they are written, behind what is in the element at PLACE, within new elements AROUND,
  /// each in the one before it. Lines and indentation go on as they are there; metadata go where libvirt has them.
  void add(std::size_t place, const std::vector<Element>& around, const std::vector<std::string>& leaves);

  /// With its prefix.
  std::string_view raw_name(std::size_t place) const;
  /// Of new elements in the one at PLACE: "ovirt-vm:"; that of a new vm element, where it would be above it.
  std::string prefix_in(std::size_t place) const;

  /// The document with all changes.
  std::string result();

 private:
  struct Cut {
    std::size_t begin, end;
    std::string text;
  };
  bool is_blank_without(std::size_t parent, const std::vector<std::size_t>& without) const;
  std::string to_text(const std::string& prefix, const std::vector<Element>& around,
                      const std::vector<std::string>& leaves, const std::optional<std::string>& inner,
                      const std::string& unit) const;
  std::optional<std::string> indentation(std::size_t offset) const;

  std::string_view document_;
  const std::vector<OutlineNode>& nodes_;
  std::string newline_;
  std::vector<Cut> cuts_;
};

}  // namespace vdsm_hook
