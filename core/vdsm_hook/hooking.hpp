// For authors of hooks in C++: the document, the properties, and the ways to end.
//
//   #include <vdsm_hook/hooking.hpp>
//   namespace hooking = vdsm_hook::hooking;
//
//   int main(int, char** argv) {
//     return hooking::run(argv[0], [] {
//       if (!hooking::to_bool(hooking::property("readonly").value_or(""))) return;
//       auto document = hooking::Document::read();
//       for (auto* disk : hooking::devices(document.root(), "disk"))
//         if (!hooking::child(*disk, "readonly")) disk->InsertNewChildElement("readonly");
//       document.write_if_changed();
//     });
//   }
//
// Link with VdsmHook::sdk. Needs tinyxml2 and nothing else of this project. One thread.
#pragma once

#include <vdsm_hook/sdk/document.hpp>
#include <vdsm_hook/sdk/metadata.hpp>
#include <vdsm_hook/sdk/printer.hpp>
#include <vdsm_hook/sdk/xml.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace vdsm_hook::hooking {

/// The custom property or parameter NAME that this hook was started with. An empty value is a value.
inline std::optional<std::string> property(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

/// The truth of a property as vdsm has it: "true" in any case, or a whole number other than zero as Python's
/// int() reads it (blanks around, one sign, digits, single underscores between digits). Everything else is
/// false: `yes` too.
inline bool to_bool(std::string_view value) {
  if (detail::equal_ignoring_case(value, "true")) return true;
  constexpr std::string_view kBlanks = " \t\n\v\f\r";
  const auto first = value.find_first_not_of(kBlanks);
  if (first == value.npos) return false;
  value = value.substr(first, value.find_last_not_of(kBlanks) - first + 1);
  if (value.front() == '+' || value.front() == '-') value.remove_prefix(1);
  bool is_zero = true;
  bool after_digit = false;
  for (char c : value) {
    if (c == '_' ? !after_digit : (c < '0' || c > '9')) return false;
    after_digit = c != '_';
    if (after_digit && c != '0') is_zero = false;
  }
  return after_digit && !is_zero;
}

/// TEXT and a newline on stderr, which the engine keeps and shows to the person.
inline void note(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

/// Ends the hook: it failed. Where the hook point can, this vetoes; the hooks after this one still run.
[[noreturn]] inline void fail(const std::string& text) {
  note(text);
  std::exit(1);
}

/// Ends the hook: it failed, and no hook after it is to run for this event.
[[noreturn]] inline void stop(const std::string& text) {
  note(text);
  std::exit(2);
}

/// Runs HOOK (which returns nothing, or the exit code) and gives main's return value. An exception becomes
/// one line on stderr that names PROGRAM, and 1.
template <class Hook>
int run(std::string_view program, Hook&& hook) noexcept {
  const std::string name(program.substr(program.rfind('/') + 1));
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<Hook>>) {
      std::invoke(std::forward<Hook>(hook));
      return 0;
    } else {
      return std::invoke(std::forward<Hook>(hook));
    }
  } catch (const std::exception& error) {
    note(name + ": " + error.what());
  } catch (...) {
    note(name + ": an exception that is none of the standard ones");
  }
  return 1;
}

}  // namespace vdsm_hook::hooking
