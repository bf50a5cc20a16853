// Where in a domain or device XML the things are that properties are about.
#include "vdsm_hook/properties/outline.hpp"
#include "fuzz.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto document = text_of(data, size);
  for (const auto extent :
       {OutlineReader::Extent::facts, OutlineReader::Extent::whole_domain, OutlineReader::Extent::device}) {
    OutlineReader outline(extent);
    const bool is_sound = !read_xml(document, outline);
    for (std::size_t i = 0; i < outline.nodes.size(); ++i) {
      const auto& node = outline.nodes[i];
      promise(node.parent <= i, "an element comes behind the one that it is in");
      promise(node.start.end <= document.size() && node.start.begin <= node.start.end, "a tag is in the document");
      if (is_sound && node.kind != OutlineNode::Kind::elsewhere && node.end.end != 0)
        promise(node.end.end <= document.size() && node.start.end <= node.end.end,
                "an element ends behind its beginning");
    }
    const auto facts = facts_of(outline.nodes, document);
    promise(facts.name == facts_of(outline.nodes, document).name, "facts are the same twice");
  }
  return 0;
}
