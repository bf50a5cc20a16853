// Is a document sound, and is it still the same VM's?
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "vdsm_hook/base/payload_kind.hpp"

namespace vdsm_hook {

/// What must not change while hooks edit a document.
struct DocumentIdentity {
  std::string root_space;  ///< namespace of the root element
  std::string root;        ///< its local name; empty for JSON
  std::string uuid;        ///< text of a domain's <uuid>, without blanks around; empty: there is none
  std::string name;        ///< text of a domain's <name>
};

/// Judges DOCUMENT as a payload of KIND, as strictly as whoever reads it later: XML as read_xml() takes it, a domain's
/// root called <domain>, and what tells a VM or a device (<name>, <uuid>, <metadata>; <mac>, <alias>, <target>,
/// <address>) there once at most, <name> and <uuid> without elements in them, so that no reader takes another one than
/// we do; JSON valid and at most kMaxNesting deep. Fills IDENTITY and returns nullopt, or says what the document is, to
/// stand behind "it is" ("not well-formed at line 1, column 2: ...", "wrong: ..."). PayloadKind::none: always sound.
std::optional<std::string> unsound(PayloadKind kind, std::string_view document, DocumentIdentity& identity);

/// Says which part of the identity moved from BEFORE to AFTER: libvirt would start a second VM.
std::optional<std::string> moved(const DocumentIdentity& before, const DocumentIdentity& after);

}  // namespace vdsm_hook
